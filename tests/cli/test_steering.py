from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Call, objects

Write = Callable[[str, str], Path]
Start = Callable[..., Any]


@pytest.fixture
def asking_file(write: Write) -> Path:
    """A flow that waits for the signal `go` and passes on what it carries."""
    return write(
        "asking.yaml",
        """
        nodes:
          ask: {type: WaitForSignalNode, inputs: {name: go, schema: {type: number}}}
          told: {type: DebugLogNode}
        edges: [ask.value -> told.message]
        """,
    )


@pytest.fixture
def created(call: Call, sum_file: Path) -> str:
    flow = objects(call("flows", "import", sum_file, "--json").stdout)[0]["id"]
    return call("executions", "create", flow).stdout.strip()


def newest(call: Call) -> str:
    return str(objects(call("executions", "list", "--json").stdout)[0]["id"])


def types(call: Call, execution: str) -> list[str]:
    listed = call("executions", "events", execution, "--json")
    return [each["type"] for each in objects(listed.stdout)]


def test_a_run_tells_what_it_waits_for_and_goes_on_with_the_signal(
    call: Call, program: Start, asking_file: Path, write: Write
) -> None:
    with program("run", asking_file) as running:
        assert "ask (Wait For Signal): for the signal go" in running.wait_for_line("waiting ")
        execution = newest(call)
        refused = call("executions", "signal", execution, "go", "--value", '"much"')
        assert (refused.exit_code, "does not fit" in refused.stderr) == (2, True)
        value = write("value.json", "42")
        sent = call("executions", "signal", execution, "go", "--value", f"@{value}")
        assert (sent.exit_code, sent.stdout, sent.stderr) == (0, "", "")
        assert "told" in running.wait_for_line("log ")
        assert "completed" in running.end()
    assert running.code == 0


def test_a_paused_run_waits_and_goes_on_when_it_is_resumed(
    call: Call, program: Start, asking_file: Path
) -> None:
    with program("run", asking_file) as running:
        running.wait_for_line("for the signal go")
        execution = newest(call)
        paused = call("executions", "pause", execution, "--reason", "lunch", "--json")
        assert objects(paused.stdout)[0]["id"] == execution
        running.wait_for_line("paused     by local: lunch")
        running.wait_for_line("until it is resumed")
        call("executions", "signal", execution, "go", "--value", "1")
        assert "status: paused" in call("executions", "show", execution).stdout
        assert call("executions", "resume", execution).exit_code == 0
        running.wait_for_line("resumed    by local")
        assert "completed" in running.end()
    assert running.code == 0


def test_ctrl_c_stops_a_run_that_waits(call: Call, program: Start, asking_file: Path) -> None:
    with program("run", asking_file) as running:
        running.wait_for_line("for the signal go")
        assert running.send(signal.SIGINT) == 1
        assert "stopped" in running.end()


def test_a_breakpoint_holds_a_run_and_a_step_runs_one_node(
    call: Call, program: Start, created: str
) -> None:
    held = call(
        "executions", "breakpoints", created, "--node", "product=a > 100", "--node", "total"
    )
    assert held.exit_code == 0
    with program("run", "--continue", created) as running:
        assert "product" in running.wait_for_line("completed ")
        assert "Breakpoint at node total" in running.wait_for_line("paused ")
        running.wait_for_line("until it is resumed")
        assert call("executions", "step", created).exit_code == 0
        assert "total" in running.wait_for_line("completed ")
        running.wait_for_line("until it is resumed")
        call("executions", "resume", created)
        assert "completed" in running.end()


def test_breakpoints_that_are_not_named_again_are_gone(call: Call, created: str) -> None:
    call("executions", "breakpoints", created, "--node", "total", "--edge", "e=value > 1")
    assert call("executions", "breakpoints", created).exit_code == 0
    assert call("run", "--continue", created).exit_code == 0
    assert "debug:breakpoint-hit" not in types(call, created)


def test_a_pause_that_nobody_reads_yet_is_kept(call: Call, created: str) -> None:
    call("executions", "start", created)
    paused = call("executions", "pause", created, "--tree", "--now")
    assert (paused.exit_code, "no worker is running" in paused.stderr) == (0, True)
    resumed = call("executions", "resume", created, "--tree", "--json")
    assert objects(resumed.stdout)[0]["id"] == created
    assert call("run", "--continue", created).exit_code == 0
    kinds = types(call, created)
    assert kinds.index("flow:paused") < kinds.index("flow:resumed")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("pause",), "Cannot pause"),
        (("resume",), "Cannot resume"),
        (("step",), "Cannot step"),
        (("breakpoints", "--node", "total=("), "condition"),
        (("signal", "go", "--value", "much"), "--value: this is no JSON"),
        (("signal", "go", "--value", "@nowhere"), "Cannot read nowhere"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_2(
    call: Call, created: str, words: tuple[str, ...], said: str
) -> None:
    command, *rest = words
    result = call("executions", command, created, *rest)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert said in result.stderr


@pytest.mark.parametrize(
    "words", [("pause",), ("resume",), ("step",), ("signal",), ("breakpoints",), ("tree",)]
)
def test_an_unknown_execution_is_one_sentence_and_2(call: Call, words: tuple[str, ...]) -> None:
    name = ("go",) if words == ("signal",) else ()
    result = call("executions", *words, "EXnobody", *name)
    assert (result.exit_code, result.stderr) == (2, "Error: Execution with id EXnobody not found\n")
