from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Call, objects

Write = Callable[[str, str], Path]

OWN_NODES = '''
from chaingraph.engine.authoring import node
from chaingraph.engine.node import NodeError


@node()
def broken_node(cause: str = "no reason") -> str:
    """Fails."""
    raise NodeError(f"broken by {cause}")
'''


def test_the_summary_shows_what_came_out(call: Call, sum_file: Path) -> None:
    result = call("run", sum_file)
    assert result.exit_code == 0
    assert "completed  product (Math)" in result.stdout
    assert "nodes: 2 completed" in result.stdout
    assert "total.result = 43" in result.stdout


def test_inputs_replace_what_the_flow_says(call: Call, sum_file: Path) -> None:
    result = call("run", sum_file, "--input", "product.a=10", "--input", "total.operation=max")
    assert "total.result = 70" in result.stdout


def test_an_input_may_be_the_only_value_of_a_required_port(call: Call, write: Write) -> None:
    code = "from chaingraph.engine.authoring import node\n@node()\n"
    nodes = write(
        "own_nodes.py", code + "def loud_node(text: str) -> str:\n    return text.upper()\n"
    )
    flow = write("loud.yaml", "nodes: {loud: {type: LoudNode}}")
    assert "it is required" in call("run", flow, "--nodes", nodes).stderr
    result = call("run", flow, "--nodes", nodes, "--input", "loud.text=hello")
    assert 'loud.result = "HELLO"' in result.stdout


def test_json_prints_one_event_a_line_and_nothing_else(call: Call, sum_file: Path) -> None:
    events = objects(call("run", sum_file, "--json").stdout)
    assert [each["position"] for each in events] == list(range(len(events)))
    assert list(events[0]) == ["position", "index", "type", "timestamp", "data"]
    assert (events[0]["type"], events[0]["index"]) == ("execution:created", -1)
    assert events[-1]["type"] == "flow:completed"
    completed = [each for each in events if each["type"] == "node:completed"]
    ports = {each["config"]["id"]: each for each in completed[-1]["data"]["node"]["ports"]}
    assert ports["result"]["value"] == 43


def test_a_failure_that_nobody_handles_is_told_and_gives_3(call: Call, write: Write) -> None:
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
    result = call("run", flow, "--nodes", nodes)
    assert result.exit_code == 3
    assert "node broken (Broken) failed: broken by rain" in result.stdout
    assert 'why.text -> broken.cause = "rain"' in result.stdout

    as_json = call("run", flow, "--nodes", nodes, "--json")
    assert as_json.exit_code == 3
    assert "broken by rain" in as_json.stderr


def test_a_failure_that_the_flow_handles_gives_0(call: Call, write: Write) -> None:
    nodes = write("own_nodes.py", OWN_NODES)
    flow = write(
        "handled.yaml",
        """
        nodes:
          broken: {type: BrokenNode}
          told: {type: DebugLogNode}
        edges: [broken.__errorMessage -> told.message]
        """,
    )
    result = call("run", flow, "--nodes", nodes)
    assert result.exit_code == 0
    assert "failed, handled by the flow: broken by no reason" in result.stdout


def test_a_stored_flow_runs_by_its_id(call: Call, sum_file: Path) -> None:
    flow_id = objects(call("flows", "import", sum_file, "--json").stdout)[0]["id"]
    result = call("run", flow_id, "--input", "product.a=1")
    assert "total.result = 8" in result.stdout


def test_continuing_what_has_ended_says_so_and_exits_by_its_status(
    call: Call, sum_file: Path
) -> None:
    call("run", sum_file)
    execution = objects(call("executions", "list", "--json").stdout)[0]["id"]
    result = call("run", "--continue", execution)
    assert result.exit_code == 0
    assert f"Execution {execution} has ended before: completed" in result.stderr
    assert "total.result = 43" in result.stdout


def test_continuing_starts_what_was_never_started(call: Call, sum_file: Path) -> None:
    flow_id = objects(call("flows", "import", sum_file, "--json").stdout)[0]["id"]
    execution = call("executions", "create", flow_id).stdout.strip()
    result = call("run", "--continue")
    assert (result.exit_code, execution in result.stderr) == (0, True)


def test_continuing_prefers_what_was_started(call: Call, sum_file: Path) -> None:
    flow_id = objects(call("flows", "import", sum_file, "--json").stdout)[0]["id"]
    started, _newer = (call("executions", "create", flow_id).stdout.strip() for _ in range(2))
    call("executions", "start", started)
    result = call("run", "--continue")
    assert (result.exit_code, started in result.stderr) == (0, True)


def test_continuing_takes_what_a_command_queued_without_a_worker(
    call: Call, sum_file: Path
) -> None:
    flow_id = objects(call("flows", "import", sum_file, "--json").stdout)[0]["id"]
    execution = call("executions", "create", flow_id).stdout.strip()
    assert "no worker is running" in call("executions", "start", execution).stderr
    assert call("run", "--continue", execution).exit_code == 0


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("text.json", "not json {", "is not a flow"),
        ("number.json", "5", "expected an object"),
        ("binary.json", "\0", "is not a flow"),
        ("unknown.json", '{"nodes": [{"id": "a", "type": "Nope"}]}', "unknown type Nope"),
        (
            "cycle.yaml",
            "{nodes: {a: {type: MathNode}, b: {type: MathNode}},"
            " edges: [a.result -> b.a, b.result -> a.a]}",
            "cycle: a -> b -> a",
        ),
        ("port.yaml", "nodes: {a: {type: MathNode, inputs: {a: much}}}", "expected a number"),
        (
            "misfit.yaml",
            "{nodes: {t: {type: TextNode}, m: {type: MathNode}}, edges: [t.text -> m.a]}",
            "t.text -> m.a",
        ),
    ],
)
def test_a_flow_with_mistakes_is_refused_before_anything_is_written(
    call: Call, write: Write, data_dir: Path, name: str, text: str, said: str
) -> None:
    result = call("run", write(name, text))
    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not data_dir.exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("product.x=5", "no port 'x'"),
        ("nobody.a=5", "no node nobody"),
        ("product.a", "NODE.PORT=VALUE"),
        ("product.a=much", "no JSON"),
        ('product.a="much"', "expected a number"),
        ("product.operation=guess", "none of the options"),
        ("product.result=5", "it is an output"),
        ("product.a=@nowhere", "Cannot read nowhere"),
    ],
)
def test_an_input_that_cannot_be_used_is_refused_before_anything_is_written(
    call: Call, sum_file: Path, data_dir: Path, given: str, said: str
) -> None:
    result = call("run", sum_file, "--input", given)
    assert (result.exit_code, said in result.stderr) == (2, True)
    assert not data_dir.exists()


def test_a_value_of_50_megabytes_is_refused(call: Call, write: Write, data_dir: Path) -> None:
    flow = write("told.yaml", "nodes: {told: {type: DebugLogNode}}")
    text = write("large.txt", '"' + "x" * 50_000_000 + '"')
    result = call("run", flow, "--input", f"told.message=@{text}")
    assert result.exit_code == 2
    assert "the limit is 16,777,216" in result.stderr
    assert not data_dir.exists()


@pytest.mark.parametrize(
    "words",
    [
        ("run",),
        ("run", "nowhere.json"),
        ("run", "V2nobody"),
        ("run", "--continue"),
        ("run", "--continue", "EXnobody"),
        ("run", "--continue", "--input", "a.b=1"),
    ],
)
def test_nothing_to_run_is_one_sentence(call: Call, words: tuple[str, ...]) -> None:
    result = call(*words)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
