from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from tests.cli.conftest import Call, objects
from tests.cli.test_run import OWN_NODES

Write = Callable[[str, str], Path]


@pytest.fixture
def finished(call: Call, sum_file: Path) -> str:
    """The id of an execution that has completed."""
    return str(objects(call("run", sum_file, "--json").stdout)[0]["data"]["executionId"])


def started(call: Call, execution: str) -> list[str]:
    listed = call("executions", "events", execution, "--json", "--type", "node:started")
    return [each["data"]["node"]["id"] for each in objects(listed.stdout)]


def test_a_fork_runs_the_named_nodes_with_new_inputs_and_keeps_the_rest(
    call: Call, finished: str
) -> None:
    words = ("executions", "fork", finished, "--node", "total", "--input", "total.b=2")
    forked = call(*words)
    assert (forked.exit_code, "no worker is running" in forked.stderr) == (0, True)
    result = call("run", "--continue", forked.stdout.strip())
    assert "total.result = 44" in result.stdout
    assert "started    product" not in result.stdout


def test_a_fork_may_wait_for_its_start_and_says_where_it_comes_from(
    call: Call, finished: str
) -> None:
    forked = call("executions", "fork", finished, "--node", "product", "--no-start", "--json")
    [said] = objects(forked.stdout)
    assert (said["status"], forked.stderr) == ("created", "")
    assert f"forkedFrom: {finished}" in call("executions", "show", said["id"]).stdout
    assert call("executions", "start", said["id"]).exit_code == 0
    assert call("run", "--continue", said["id"]).exit_code == 0
    assert started(call, said["id"]) == ["product", "total"]


def test_a_fork_may_take_the_flow_as_it_is_now(
    call: Call, finished: str, sum_file: Path, write: Write
) -> None:
    flow = objects(call("executions", "show", finished, "--json").stdout)[0]["flowId"]
    text = dedent(sum_file.read_text()).replace("operation: add", "operation: subtract")
    call("flows", "import", write("newer.yaml", f"id: {flow}\n{text}"))
    forked = call("executions", "fork", finished, "--node", "total", "--newer")
    result = call("run", "--continue", forked.stdout.strip())
    assert "total.result = 41" in result.stdout


def test_a_retry_runs_what_has_failed(call: Call, write: Write) -> None:
    nodes = write("own_nodes.py", OWN_NODES)
    flow = write(
        "broken.yaml",
        """
        nodes:
          why: {type: TextNode, inputs: {text: rain}}
          broken: {type: BrokenNode}
        edges: [why.text -> broken.cause]
        """,
    )
    run = call("run", flow, "--nodes", nodes, "--json")
    failed = objects(run.stdout)[0]["data"]["executionId"]
    mended = write("mended_nodes.py", OWN_NODES.replace("raise NodeError(f", "return (f"))
    retried = call("executions", "retry", failed).stdout.strip()
    result = call("run", "--continue", retried, "--nodes", mended)
    assert result.exit_code == 0
    assert "started    why" not in result.stdout
    assert started(call, retried) == ["why", "broken"]


def test_the_same_idempotency_key_gives_the_same_fork(call: Call, finished: str) -> None:
    again = ("executions", "fork", finished, "--node", "total", "--idempotency-key", "k")
    assert call(*again).stdout == call(*again).stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("retry",), "nothing to retry"),
        (("fork", "--node", "nobody"), "no node nobody"),
        (("fork", "--input", "total.x=1"), "no port 'x'"),
        (("fork", "--input", "total.b=1"), "total"),
    ],
)
def test_what_cannot_be_forked_is_one_sentence_and_2(
    call: Call, finished: str, words: tuple[str, ...], said: str
) -> None:
    command, *rest = words
    result = call("executions", command, finished, *rest)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert said in result.stderr
    assert call("executions", command, "EXnobody", *rest).exit_code == 2
