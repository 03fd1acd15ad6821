from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.cli.conftest import Call, objects

Start = Callable[..., Any]
Slow = Callable[[int], Path]
A_MINUTE = 60_000


def newest(call: Call) -> dict[str, Any]:
    return objects(call("executions", "list", "--json").stdout)[0]


def starts(call: Call, execution_id: str) -> list[str]:
    """The nodes that were started, in order, with repetitions."""
    listed = call("executions", "events", execution_id, "--type", "node:started", "--json")
    return [each["data"]["node"]["id"] for each in objects(listed.stdout)]


def test_a_killed_run_is_continued_and_finished_nodes_stay_finished(
    call: Call, program: Start, slow_file: Slow
) -> None:
    with program("run", slow_file(2_000)) as running:
        running.wait_for_line("started    rest")
        running.send(signal.SIGKILL)

    with program("run", "--continue") as continued:
        printed = continued.end()

    execution = newest(call)
    assert continued.code == 0, printed
    assert f"Going on with execution {execution['id']}" in printed
    assert execution["status"] == "completed"
    assert starts(call, execution["id"]) == ["quick", "rest", "rest", "total"]
    assert "quick" not in printed
    assert call("verify", execution["id"]).exit_code == 0


def test_ctrl_c_stops_the_execution(call: Call, program: Start, slow_file: Slow) -> None:
    with program("run", slow_file(A_MINUTE)) as running:
        running.wait_for_line("started    rest")
        assert running.send(signal.SIGINT) == 1
        assert "stopped" in running.end()
    assert newest(call)["status"] == "stopped"
    assert newest(call)["errorMessage"] == "User requested stop"


def test_a_run_that_is_left_says_how_to_go_on_and_can_still_be_stopped(
    call: Call, program: Start, slow_file: Slow
) -> None:
    with program("run", slow_file(A_MINUTE)) as running:
        running.wait_for_line("started    rest")
        assert running.send(signal.SIGTERM) == 130
        said = running.end()
    execution = newest(call)
    assert execution["status"] == "running"
    assert f"chaingraph run --continue {execution['id']} --data-dir" in said

    stopped = call("executions", "stop", execution["id"], "--reason", "enough")
    assert (stopped.exit_code, stopped.stderr) == (0, "")
    assert newest(call)["errorMessage"] == "enough"


def test_serve_runs_what_others_start_and_hands_it_over_at_its_end(
    call: Call, program: Start, slow_file: Slow
) -> None:
    flow = objects(call("flows", "import", slow_file(A_MINUTE), "--json").stdout)[0]
    execution = objects(call("executions", "create", flow["id"], "--json").stdout)[0]["id"]
    with program("serve", "--port", "0") as server:
        address = server.wait_for_line("http://").split()[-1]
        with urlopen(f"{address}/health") as answer:
            assert answer.status == 200
        started = call("executions", "start", execution)
        assert (started.exit_code, started.stderr) == (0, "")
        with program("executions", "events", execution, "--follow") as following:
            following.wait_for_line("node:started              rest")
        assert server.send(signal.SIGTERM) == 0

    assert newest(call)["status"] == "running"
    with program("run", "--continue", execution) as continued:
        assert "rest (Sleep): until" in continued.wait_for_line("waiting ")
        assert continued.send(signal.SIGINT) == 1
    assert newest(call)["status"] == "stopped"
