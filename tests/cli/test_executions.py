from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Call, objects


@pytest.fixture
def flow_id(call: Call, sum_file: Path) -> str:
    return str(objects(call("flows", "import", sum_file, "--json").stdout)[0]["id"])


@pytest.fixture
def finished(call: Call, sum_file: Path) -> str:
    """The id of an execution that has completed."""
    return str(objects(call("run", sum_file, "--json").stdout)[0]["data"]["executionId"])


def test_a_created_execution_waits_and_is_listed(call: Call, flow_id: str) -> None:
    created = objects(call("executions", "create", flow_id, "--json").stdout)[0]["id"]
    rows = objects(call("executions", "list", "--flow", flow_id, "--json").stdout)
    assert [(row["id"], row["status"]) for row in rows] == [(created, "created")]
    assert "status: created" in call("executions", "show", created).stdout


def test_the_same_idempotency_key_gives_the_same_execution(call: Call, flow_id: str) -> None:
    again = ("executions", "create", flow_id, "--idempotency-key", "k")
    assert call(*again).stdout == call(*again).stdout
    other = call(*again, "--input", "product.a=1")
    assert (other.exit_code, "Idempotency key k" in other.stderr) == (2, True)


def test_stopping_what_nobody_holds_needs_no_worker(call: Call, flow_id: str) -> None:
    created = call("executions", "create", flow_id).stdout.strip()
    stopped = call("executions", "stop", created, "--reason", "not needed")
    assert (stopped.exit_code, stopped.stderr) == (0, "")
    assert "errorMessage: not needed" in call("executions", "show", created).stdout
    assert call("executions", "stop", created).exit_code == 2


def test_a_command_says_as_json_where_the_execution_stands(call: Call, flow_id: str) -> None:
    created = call("executions", "create", flow_id).stdout.strip()
    started = call("executions", "start", created, "--json")
    assert objects(started.stdout) == [{"id": created, "status": "created"}]
    stopped = call("executions", "stop", created, "--json")
    assert objects(stopped.stdout) == [{"id": created, "status": "stopped"}]


def test_events_begin_where_they_are_asked_to(call: Call, finished: str) -> None:
    def positions(*options: str) -> list[int]:
        listed = call("executions", "events", finished, "--json", *options)
        return [each["position"] for each in objects(listed.stdout)]

    whole = positions()
    assert whole == list(range(len(whole)))
    assert positions("--from", "5") == whole[5:]
    assert positions("--from", "-2") == whole[-2:]
    assert positions("--from", "1000") == []
    assert positions("--follow", "--from", "3") == whole[3:]


def test_events_can_be_chosen_by_type(call: Call, finished: str) -> None:
    listed = call("executions", "events", finished, "--type", "node:completed")
    assert [line.split()[-1] for line in listed.stdout.splitlines()] == ["product", "total"]
    assert call("executions", "events", finished, "--type", "node:done").exit_code == 2


def test_events_of_an_unfinished_execution_end_with_what_is_there(call: Call, flow_id: str) -> None:
    created = call("executions", "create", flow_id).stdout.strip()
    listed = call("executions", "events", created, "--json")
    assert [each["type"] for each in objects(listed.stdout)] == ["execution:created"]


def test_verify_finds_a_hole_in_the_journal(call: Call, finished: str, data_dir: Path) -> None:
    assert call("verify", finished).exit_code == 0
    with closing(sqlite3.connect(data_dir / "chaingraph.db")) as database, database:
        database.execute("DELETE FROM chaingraph_journal WHERE position IN (4, 5)")
    result = call("verify", finished)
    assert result.exit_code == 1
    assert "I1: positions 4 to 5 are missing" in result.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("executions", "show", "EXnobody"),
        ("executions", "events", "EXnobody"),
        ("executions", "start", "EXnobody"),
        ("executions", "stop", "EXnobody"),
        ("executions", "create", "V2nobody"),
        ("executions", "list", "--flow", "V2nobody"),
        ("verify", "EXnobody"),
        ("flows", "show", "V2nobody"),
    ],
)
def test_an_unknown_id_is_one_sentence_and_2(call: Call, words: tuple[str, ...]) -> None:
    result = call(*words)
    assert result.exit_code == 2
    assert result.stderr.endswith(f"id {words[-1]} not found\n")
