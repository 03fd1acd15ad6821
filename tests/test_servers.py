"""The servers that the suite starts for itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psycopg
import pytest

from tests.conftest import skip_without_it
from tests.servers import (
    OLDEST_NODE,
    OLDEST_POSTGRES,
    NotInstalled,
    PostgresServer,
    new_database,
    postgres_binaries,
    running_postgres,
    version_printed_by,
    within_reach,
)

TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"


def one_value(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def test_a_new_database_does_not_see_what_another_one_holds(postgres_url: str) -> None:
    used = new_database(postgres_url)
    execute(used, "CREATE TABLE visits (id int)")

    fresh = new_database(postgres_url)

    assert one_value(used, TABLES) == 1
    assert one_value(fresh, TABLES) == 0


def test_the_fixture_gives_an_empty_database(postgres_database: str) -> None:
    assert one_value(postgres_database, TABLES) == 0


def test_the_server_is_recent_and_keeps_its_word_after_a_commit(postgres_url: str) -> None:
    assert int(str(one_value(postgres_url, "SHOW server_version_num"))) >= OLDEST_POSTGRES * 10_000
    assert one_value(postgres_url, "SHOW fsync") == "on"
    assert one_value(postgres_url, "SHOW max_connections") == "200"


def test_committed_rows_survive_an_immediate_stop(own_postgres_server: PostgresServer) -> None:
    database = new_database(own_postgres_server.url)
    execute(database, "CREATE TABLE kept AS SELECT 1 AS id")

    own_postgres_server.stop("immediate")
    with pytest.raises(psycopg.OperationalError):
        one_value(database, "SELECT 1")
    own_postgres_server.start()

    assert one_value(database, "SELECT id FROM kept") == 1


def test_the_server_is_gone_after_its_block_also_when_the_block_fails() -> None:
    with skip_without_it(), pytest.raises(ZeroDivisionError), running_postgres() as server:
        raise ZeroDivisionError
    assert not server.home.exists()
    with pytest.raises(psycopg.OperationalError):
        one_value(server.url, "SELECT 1")


def test_a_machine_without_postgres_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.servers.OLDEST_POSTGRES", 1_000)
    with pytest.raises(NotInstalled, match="needs PostgreSQL 1000 or newer"):
        postgres_binaries()


def test_binaries_that_only_root_can_reach_are_copied_with_their_libraries(tmp_path: Path) -> None:
    wheel, home = tmp_path / "site-packages", tmp_path / "home"
    binaries = wheel / "postgres" / "install" / "bin"
    for file in (binaries / "initdb", wheel / "postgres.libs" / "libpq.so"):
        file.parent.mkdir(parents=True)
        file.touch()
    wheel.chmod(0o700)

    copied = within_reach(binaries, home)

    assert copied == home / "postgres" / "install" / "bin"
    assert (copied / "initdb").exists()
    assert (home / "postgres.libs" / "libpq.so").exists()


def test_binaries_that_everybody_can_reach_stay_where_they_are(tmp_path: Path) -> None:
    assert within_reach(Path("/usr/bin"), tmp_path) == Path("/usr/bin")


def test_node_is_recent_enough(node: Path) -> None:
    assert version_printed_by(node) >= OLDEST_NODE


def test_npm_runs(npm: list[str]) -> None:
    printed = subprocess.run([*npm, "--version"], capture_output=True, text=True, check=True)
    assert int(printed.stdout.split(".")[0]) >= 8
