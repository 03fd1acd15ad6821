from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from chaingraph.durable import write_lock
from tests.cli.conftest import Call, objects


@pytest.fixture
def queued(call: Call, sum_file: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of an execution that waits for a worker; a lease is short here."""
    monkeypatch.setenv("CHAINGRAPH_LEASE_SECONDS", "0.01")
    flow_id = objects(call("flows", "import", sum_file, "--json").stdout)[0]["id"]
    execution_id = call("executions", "create", flow_id).stdout.strip()
    call("executions", "start", execution_id)
    return execution_id


def pretend_leased(data_dir: Path) -> None:
    with closing(sqlite3.connect(data_dir / "chaingraph.db")) as database, database:
        database.execute("UPDATE chaingraph_executions SET disp = 'L', holder = 'w-gone'")


def test_a_healthy_database_is_0(call: Call, queued: str) -> None:
    result = call("doctor")
    assert (result.exit_code, result.stdout) == (0, "0 findings\n")


def test_what_is_wrong_is_1_and_repaired_on_demand(call: Call, queued: str, data_dir: Path) -> None:
    pretend_leased(data_dir)
    ill = call("doctor")
    said = f"lost-lease: {queued} is leased to w-gone, which is not alive\n1 findings\n"
    assert (ill.exit_code, ill.stdout) == (1, said)
    healed = call("doctor", "--repair", "--json")
    assert healed.exit_code == 0
    (finding,) = objects(healed.stdout)
    assert finding["repaired"] == "taken over, queued as segment 2"
    assert call("doctor").exit_code == 0
    assert call("run", "--continue", queued).exit_code == 0


def test_a_database_that_nobody_can_write_is_named(
    call: Call, queued: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_lock.held_write_lock, "__defaults__", (0.05,))
    with closing(sqlite3.connect(data_dir / "chaingraph.db", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        stuck = call("doctor", "--repair", "--json")
    (finding,) = objects(stuck.stdout)
    assert (stuck.exit_code, finding["check"], finding["repaired"]) == (1, "write-lock", None)
