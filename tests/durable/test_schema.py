"""The migrated schema is the one of the tables, and a database of the original is adopted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations

from chaingraph.durable import tables as t
from chaingraph.durable.database import Database, database_url
from chaingraph.durable.flows import SqlFlows
from chaingraph.durable.migrations.versions import v0004_tokens
from chaingraph.durable.schema import HEAD, VERSION_TABLE, create_flows, current, upgrade
from chaingraph.errors import IllegalTransition, NewerDatabase, StoreUnavailable
from chaingraph.execution.records import Disposition, Status
from tests.conformance.backends import sql_backend
from tests.conformance.steps import command
from tests.servers import free_port

#: Columns that the first release did not have.
NEWER = ("open_children", "parent_told", "cascade", "wake_at", "awaited", "forked_from")
OURS = frozenset(
    [
        "flow_snapshot",
        "disp",
        "num",
        "holder",
        "next_pos",
        "inbox_seq",
        "inbox_cur",
        "last_batch",
        "create_key",
        "create_hash",
        *NEWER,
    ]
)


def original_tables() -> sa.MetaData:
    """The original's own table of executions, with two of its indexes."""
    metadata = sa.MetaData()
    table = sa.Table("chaingraph_executions", metadata)
    for each in t.executions.columns:
        if each.name not in OURS:
            default = each.server_default
            column = sa.Column(each.name, each.type, nullable=each.nullable, server_default=default)
            table.append_column(column)
    table.append_constraint(sa.PrimaryKeyConstraint(table.c.id))
    by_flow = (table.c.flow_id, table.c.execution_depth, table.c.created_at)
    sa.Index("chaingraph_executions_flow_idx", *by_flow)
    sa.Index("chaingraph_executions_failure_count_idx", table.c.failure_count)
    return metadata


ROW: dict[str, Any] = {
    "id": "EXold",
    "flow_id": "V2old",
    "owner_id": "0xabc",
    "root_execution_id": "EXold",
    "status": "running",
    "created_at": datetime(2024, 2, 3, 4, 5, 6, 789_123),
    "updated_at": datetime(2024, 2, 3, 4, 5, 7),
    "execution_depth": 0,
    "options": {"debug": True},
    "external_events": [{"eventName": "x"}],
    "failure_count": 0,
}


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'chaingraph.db'}"
    found: str = request.getfixturevalue("postgres_database")
    return found


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(database_url(url))
    yield opened
    opened.close()


def ours(name: str | None, kind: str, parents: object) -> bool:
    if kind != "table":
        return True
    return name is not None and name.startswith("chaingraph_") and name != VERSION_TABLE


def differences(database: Database) -> list[Any]:
    options = {"include_name": ours, "compare_type": True}
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, t.metadata))


def test_the_migrated_schema_is_that_of_the_tables(database: Database) -> None:
    upgrade(database)
    assert current(database.engine) == HEAD
    assert differences(database) == []


def test_an_upgrade_twice_is_one(database: Database) -> None:
    upgrade(database)
    with database.engine.begin() as connection:
        connection.execute(sa.insert(t.executions), {**ROW, "disp": "P"})
    upgrade(database)
    with database.engine.connect() as connection:
        assert connection.execute(sa.select(t.executions.c.disp)).scalars().all() == ["P"]


def test_processes_that_upgrade_at_once_do_not_disturb_each_other(url: str) -> None:
    databases = [Database(database_url(url)) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(upgrade, databases))
    assert differences(databases[0]) == []
    for each in databases:
        each.close()


def test_an_upgrade_that_was_cut_short_is_made_whole(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("alembic.command.upgrade", cut)
        with pytest.raises(KeyboardInterrupt):
            upgrade(database)
    assert current(database.engine) is None
    upgrade(database)
    assert differences(database) == []


def test_a_server_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chaingraph.durable.database.PAUSES", ())
    database = Database(database_url(f"postgresql://postgres@127.0.0.1:{free_port()}/none"))
    with pytest.raises(StoreUnavailable):
        upgrade(database)
    database.close()


async def test_a_database_of_the_original_is_adopted(database: Database, url: str) -> None:
    metadata = original_tables()
    original = metadata.tables["chaingraph_executions"]
    with database.engine.begin() as connection:
        metadata.create_all(connection)
        connection.execute(sa.insert(original), ROW)
        before = connection.execute(sa.select(original)).one()
    upgrade(database)
    with database.engine.connect() as connection:
        assert connection.execute(sa.select(original)).one() == before
    left = [(kind, index.name) for kind, index in differences(database)]
    assert left == [("remove_index", "chaingraph_executions_failure_count_idx")]
    async with sql_backend(url) as backend:
        stored = await backend.journal.get("EXold")
        assert stored is not None
        assert stored.row.status is Status.RUNNING
        assert stored.row.created_at.microsecond == 789_000
        assert (stored.row.options, stored.row.external_events) == (
            {"debug": True},
            [{"eventName": "x"}],
        )
        assert stored.dispatch.disposition is Disposition.DONE
        assert [each.row.id for each in await backend.journal.roots("V2old", 5, None)] == ["EXold"]


@pytest.mark.parametrize("kind", ["start", "stop"])
async def test_an_execution_of_the_original_is_not_touched(url: str, kind: str) -> None:
    async with sql_backend(url) as backend:
        assert backend.database is not None
        with backend.database.engine.begin() as connection:
            connection.execute(sa.insert(t.executions), ROW)
        before = await backend.journal.get("EXold")
        with pytest.raises(IllegalTransition):
            await backend.journal.deliver("EXold", command(kind))
        assert await backend.journal.get("EXold") == before
        assert await backend.fleet.stranded() == []


def set_back(database: Database) -> None:
    """Make it a database of the first release."""
    with database.engine.begin() as connection:
        for name in ("untold", "cascade", "wake_at", "unread"):
            connection.execute(sa.text(f"DROP INDEX chaingraph_executions_{name}_idx"))
        for name in NEWER:
            connection.execute(sa.text(f"ALTER TABLE chaingraph_executions DROP COLUMN {name}"))
        for name in ("node_types", "tokens", "external_accounts", "users"):
            connection.execute(sa.text(f"DROP TABLE chaingraph_{name}"))
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '0001'"))


def test_a_database_of_an_older_release_is_upgraded(database: Database) -> None:
    upgrade(database)
    set_back(database)
    upgrade(database)
    assert current(database.engine) == HEAD
    assert differences(database) == []


def test_an_sqlite_file_of_an_older_release_is_copied_first(tmp_path: Path) -> None:
    file = tmp_path / "chaingraph.db"
    with closing(Database(database_url(f"sqlite:///{file}"))) as database:
        upgrade(database)
        assert [each.name for each in tmp_path.glob("*.before-*")] == []
        set_back(database)
        with database.engine.begin() as connection:
            connection.execute(sa.insert(t.executions), ROW)
        upgrade(database)
    copies = list(tmp_path.glob("*.before-*"))
    assert [each.name for each in copies] == [f"chaingraph.db.before-{HEAD}"]
    with closing(Database(database_url(f"sqlite:///{copies[0]}"))) as copy:
        assert current(copy.engine) == "0001"
        with copy.engine.connect() as connection:
            assert connection.execute(sa.select(t.executions.c.id)).scalars().all() == ["EXold"]


def test_a_database_of_a_later_release_is_refused_and_not_touched(database: Database) -> None:
    upgrade(database)
    with database.engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(NewerDatabase, match="has version 9999"):
        upgrade(database)
    assert current(database.engine) == "9999"


BESIDE_THE_FLOWS = ["chaingraph_external_accounts", "chaingraph_flows", "chaingraph_users"]


def test_a_database_of_flows_gets_their_tables_and_nothing_else(database: Database) -> None:
    t.flows.create(database.engine)
    for _ in range(2):
        create_flows(database)
        assert sorted(sa.inspect(database.engine).get_table_names()) == BESIDE_THE_FLOWS


@pytest.mark.parametrize("prepare", [upgrade, create_flows])
def test_the_users_of_the_original_stay_as_they_are(
    database: Database, prepare: Callable[[Database], None]
) -> None:
    create = "CREATE TABLE chaingraph_users (id text PRIMARY KEY, role text)"
    with database.engine.begin() as connection:
        connection.execute(sa.text(create))
        connection.execute(sa.text("INSERT INTO chaingraph_users VALUES ('ann', 'admin')"))
    prepare(database)
    with database.engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT * FROM chaingraph_users")).all()
    assert [tuple(each) for each in rows] == [("ann", "admin")]


def test_who_goes_back_before_the_tokens_keeps_the_users(database: Database) -> None:
    upgrade(database)
    with database.engine.begin() as connection:
        connection.execute(sa.insert(t.users), {"id": "ann"})
        with Operations.context(MigrationContext.configure(connection)):
            v0004_tokens.downgrade()
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '0003'"))
    assert not sa.inspect(database.engine).has_table("chaingraph_tokens")
    upgrade(database)
    assert differences(database) == []
    with database.engine.connect() as connection:
        assert connection.execute(sa.select(t.users.c.id)).scalars().all() == ["ann"]


async def test_flows_are_read_as_the_originals_editor_writes_them(
    database: Database, url: str
) -> None:
    original = sa.MetaData()
    table = sa.Table(
        "chaingraph_flows",
        original,
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("data", t.Json, nullable=False),
        sa.Column("created_at", sa.DateTime, server_default=sa.func.now()),
        sa.Column("updated_at", sa.DateTime, server_default=sa.func.now()),
        sa.Column("owner_id", sa.Text),
        sa.Column("parent_id", sa.Text),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    )
    original.create_all(database.engine)
    before = sa.inspect(database.engine).get_indexes("chaingraph_flows")
    with database.engine.begin() as connection:
        connection.execute(sa.insert(table), {"id": "V2a", "data": {"id": "V2a", "n": 1}})
    create_flows(database)
    flows = SqlFlows(database, lambda: 0)
    first = await flows.get("V2a")
    with database.engine.begin() as connection:
        connection.execute(sa.update(table).values(data={"id": "V2a", "n": 2}, version=2))
    second = await flows.get("V2a")
    assert first is not None and second is not None
    assert (first.version, first.data["n"], first.owner_id) == (1, 1, None)
    assert (second.version, second.data["n"]) == (2, 2)
    assert second.created_at.tzinfo is not None
    assert sa.inspect(database.engine).get_indexes("chaingraph_flows") == before
