"""A snapshot is deleted only when nobody refers to it, also when somebody is just about to."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from chaingraph.durable import snapshots
from chaingraph.durable import tables as t
from chaingraph.durable.database import Database
from tests.conformance.backends import Backend
from tests.conformance.steps import parked


@pytest.fixture
def database(sql_only: Backend) -> Database:
    assert sql_only.database is not None
    return sql_only.database


def hashes(database: Database) -> list[str]:
    with database.engine.connect() as connection:
        return list(connection.execute(sa.select(t.snapshots.c.hash)).scalars())


async def test_what_an_execution_refers_to_is_not_forgotten(
    sql_only: Backend, database: Database
) -> None:
    await parked(sql_only)
    with database.engine.begin() as connection:
        assert snapshots.unreferred(connection, 10) == []
        assert snapshots.forget(connection, ["hash-1"]) == 0
    assert hashes(database) == ["hash-1"]


async def test_what_nobody_refers_to_is_forgotten(database: Database) -> None:
    with database.engine.begin() as connection:
        snapshots.keep(database, connection, "hash-1", b"{}")
    with database.engine.begin() as connection:
        assert snapshots.unreferred(connection, 10) == ["hash-1"]
        assert snapshots.forget(connection, ["hash-1", "hash-2"]) == 1
    assert hashes(database) == []


async def test_keeping_twice_is_keeping_once(database: Database) -> None:
    for _ in range(2):
        with database.engine.begin() as connection:
            snapshots.keep(database, connection, "hash-1", b"{}")
    assert hashes(database) == ["hash-1"]


async def test_an_execution_that_is_not_committed_yet_protects_its_snapshot(
    sql_only: Backend, database: Database
) -> None:
    """Without the lock of `keep` the deletion would not wait, and not see the execution."""
    if database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    with database.engine.begin() as connection:
        snapshots.keep(database, connection, "hash-1", b"{}")
    with database.engine.begin() as creating:
        insert_execution(creating)
        snapshots.keep(database, creating, "hash-1", b"{}")
        with pytest.raises(OperationalError), database.engine.begin() as pruning:
            pruning.execute(sa.text("SET LOCAL lock_timeout = '100ms'"))
            snapshots.forget(pruning, ["hash-1"])
    with database.engine.begin() as pruning:
        assert snapshots.forget(pruning, ["hash-1"]) == 0


def insert_execution(connection: sa.Connection) -> None:
    row: dict[str, Any] = {
        "id": "EX1",
        "flow_id": "V2flow",
        "owner_id": "local",
        "root_execution_id": "EX1",
        "flow_snapshot": "hash-1",
    }
    connection.execute(sa.insert(t.executions), row)
