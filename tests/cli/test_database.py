from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from chaingraph.durable.database import Database, database_url
from chaingraph.durable.schema import HEAD
from tests.cli.conftest import Call, objects
from tests.durable.test_schema import set_back


def change(data_dir: Path, *statements: str) -> None:
    with closing(sqlite3.connect(data_dir / "chaingraph.db")) as connection:
        for each in statements:
            connection.execute(each)
        connection.commit()


@pytest.fixture
def older(call: Call, data_dir: Path) -> None:
    """The data directory of the first release."""
    call("db", "upgrade")
    file = data_dir / "chaingraph.db"
    with closing(Database(database_url(f"sqlite:///{file}"))) as database:
        set_back(database)


@pytest.fixture
def newer(call: Call, data_dir: Path) -> None:
    call("db", "upgrade")
    change(data_dir, "UPDATE chaingraph_version SET version_num = '9999'")


def test_no_database_has_no_version_and_looking_makes_none(call: Call, data_dir: Path) -> None:
    result = call("db", "current")
    assert (result.exit_code, result.stdout) == (
        1,
        f"no tables; `chaingraph db upgrade` brings it to {HEAD}\n",
    )
    assert not data_dir.exists()


def test_an_upgraded_database_is_the_newest(call: Call) -> None:
    assert call("db", "upgrade").exit_code == 0
    result = call("db", "current")
    assert (result.exit_code, result.stdout) == (0, f"{HEAD}, the newest version\n")
    assert objects(call("db", "current", "--json").stdout) == [{"version": HEAD, "newest": HEAD}]


@pytest.mark.usefixtures("older")
def test_an_older_database_says_so_and_any_other_command_upgrades_a_copied_one(
    call: Call, data_dir: Path
) -> None:
    result = call("db", "current")
    assert (result.exit_code, result.stdout) == (
        1,
        f"0001; `chaingraph db upgrade` brings it to {HEAD}\n",
    )
    listed = call("flows", "list")
    assert listed.exit_code == 0
    assert f"a copy of it is {data_dir / f'chaingraph.db.before-{HEAD}'}" in listed.stderr
    assert call("db", "current").exit_code == 0


@pytest.mark.usefixtures("newer")
@pytest.mark.parametrize(
    "words",
    [("db", "current"), ("db", "upgrade"), ("flows", "list"), ("api", "--port", "0")],
    ids=" ".join,
)
def test_a_newer_database_is_refused_in_one_sentence(call: Call, words: tuple[str, ...]) -> None:
    result = call(*words)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"Error: The database has version 9999, and this release knows none above {HEAD}: "
        "use the release that upgraded it, or a copy from before"
    ]


def test_node_types_that_a_worker_published_are_shown_without_their_code(
    call: Call, data_dir: Path
) -> None:
    call("db", "upgrade")
    port = {"id": "text", "key": "text", "type": "string", "direction": "input", "title": "Text"}
    data = {
        "title": "Shout",
        "category": "voice",
        "description": "Say it in capitals",
        "version": 3,
        "kind": "pure",
        "ports": [port],
        "flowPorts": {},
    }
    row = f"'ShoutNode', '{json.dumps(data)}', 0"
    change(data_dir, f"INSERT INTO chaingraph_node_types VALUES ({row})")

    assert "ShoutNode" in call("nodes", "list").stdout
    shown = objects(call("nodes", "show", "ShoutNode", "--json").stdout)[0]
    assert (shown["category"], shown["ports"]) == ("voice", [port])


def test_without_a_database_the_types_that_are_here_are_shown(call: Call, data_dir: Path) -> None:
    result = call("nodes", "list")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "MathNode" in result.stdout
    assert not data_dir.exists()


def test_an_unreachable_database_costs_only_the_published_types(
    call: Call, write: Callable[[str, str], Path]
) -> None:
    no_database = write("chaingraph.db", "this is no database")
    result = call("nodes", "list", "--db", f"sqlite:///{no_database}")
    assert result.exit_code == 0
    assert "MathNode" in result.stdout
    assert "what workers published is not known" in result.stderr
