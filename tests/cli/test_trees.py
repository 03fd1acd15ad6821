"""What is shown of an execution and its descendants."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Call, objects

Write = Callable[[str, str], Path]
Start = Callable[..., Any]


@pytest.fixture
def calling(call: Call, program: Start, sum_file: Path, write: Write) -> str:
    """An execution that has run another flow."""
    called = objects(call("flows", "import", sum_file, "--json").stdout)[0]["id"]
    text = f"nodes: {{call: {{type: RunFlowNode, inputs: {{flowId: {called}}}}}}}"
    flow = objects(call("flows", "import", write("calling.yaml", text), "--json").stdout)[0]["id"]
    execution = call("executions", "create", flow).stdout.strip()
    with program("worker", "--health-port", "0"):
        call("executions", "start", execution)
        followed = call("executions", "events", execution, "--follow", "--tree", "--json")
    assert objects(followed.stdout)[-1]["type"] == "flow:completed"
    return execution


def test_a_tree_is_listed_with_its_levels(call: Call, calling: str) -> None:
    listed = objects(call("executions", "tree", calling, "--json").stdout)
    assert [(each["level"], each["status"]) for each in listed] == [
        (0, "completed"),
        (1, "completed"),
    ]
    assert listed[1]["parentExecutionId"] == calling
    lines = call("executions", "tree", calling).stdout.splitlines()
    assert [line.split("\t")[:2] for line in lines[1:]] == [
        [str(each["level"]), each["id"]] for each in listed
    ]


def test_the_events_of_a_tree_tell_whose_they_are(call: Call, calling: str, tmp_path: Path) -> None:
    file = tmp_path / "tree.jsonl"
    call("executions", "export", calling, file)
    ids = [each["id"] for each in objects(call("executions", "tree", calling, "--json").stdout)]
    for source in (calling, file):
        listed = objects(call("executions", "events", source, "--tree", "--json").stdout)
        for execution in ids:
            positions = [e["position"] for e in listed if e["executionId"] == execution]
            assert positions == list(range(len(positions)))
        completed = [e["executionId"] for e in listed if e["type"] == "flow:completed"]
        assert set(completed) == set(ids)
    chosen = call("executions", "events", calling, "--tree", "--type", "node:completed").stdout
    assert [line.split()[0] for line in chosen.splitlines()].count(ids[1]) == 2


def test_the_events_of_an_unfinished_tree_end_with_what_is_there(
    call: Call, sum_file: Path
) -> None:
    flow = objects(call("flows", "import", sum_file, "--json").stdout)[0]["id"]
    created = call("executions", "create", flow).stdout.strip()
    listed = objects(call("executions", "events", created, "--tree", "--json").stdout)
    assert [each["type"] for each in listed] == ["execution:created"]
    refused = call("executions", "events", created, "--tree", "--from", "3")
    assert (refused.exit_code, "--from" in refused.stderr) == (2, True)
