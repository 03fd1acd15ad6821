from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from chaingraph.cli.displays import LiveTable, PlainLines
from chaingraph.cli.progress import Progress, Stage
from chaingraph.cli.show import local_time
from chaingraph.cli.summary import summary
from chaingraph.engine.events import Event, EventType
from chaingraph.engine.graph import compile_flow
from chaingraph.execution.records import Status
from chaingraph.execution.times import from_ms
from chaingraph.flow.codec import parse_flow_text
from chaingraph.flow.complete import complete
from chaingraph.nodes import builtin_catalog
from chaingraph.superjson import JsError

BEGIN = 1_700_000_000_000
TYPES = builtin_catalog()
DUE = f"until {local_time(from_ms(BEGIN))}"
SUM = """
nodes:
  add: {type: MathNode, inputs: {a: 1, b: 2, operation: add}}
  show: {type: NumberToStringNode}
  gate: {type: GateNodeV2}
edges: [add.result -> show.number, add.__error -> gate.gate]
"""


def progress_of(text: str) -> Progress:
    return Progress(compile_flow(complete(parse_flow_text(text, "sum.yaml", TYPES), TYPES)))


def event(type_: EventType, at: int = 0, /, **data: Any) -> Event:
    return Event(0, type_, BEGIN + at, data)


STARTED = event(EventType.FLOW_STARTED)
ADD_STARTED = event(EventType.NODE_STARTED, 5, nodeId="add")
ADD_COMPLETED = event(
    EventType.NODE_COMPLETED, 8, nodeId="add", values={"result": 3}, executionTime=3
)
ADD_FAILED = event(
    EventType.NODE_FAILED,
    8,
    nodeId="add",
    values={},
    error=JsError("Error", "no\nnumber"),
    executionTime=3,
)
SHOW_COMPLETED = event(
    EventType.NODE_COMPLETED, 9, nodeId="show", values={"text": "3"}, executionTime=1
)
SHOW_SKIPPED = event(EventType.NODE_SKIPPED, 9, nodeId="show", reason="no input")
COMPLETED = event(EventType.FLOW_COMPLETED, 10, executionTime=10)


def test_nodes_go_from_stage_to_stage() -> None:
    progress = progress_of(SUM)
    stages = []
    for each in (STARTED, ADD_STARTED, ADD_COMPLETED, SHOW_SKIPPED):
        progress.apply(each)
        stages.append((progress.nodes["add"].stage, progress.nodes["show"].stage))
    assert stages == [
        (Stage.WAITING, Stage.WAITING),
        (Stage.RUNNING, Stage.WAITING),
        (Stage.COMPLETED, Stage.WAITING),
        (Stage.COMPLETED, Stage.SKIPPED),
    ]
    assert (progress.status, progress.ended) == (Status.RUNNING, 2)


def test_a_node_that_runs_again_after_a_crash_runs() -> None:
    progress = progress_of(SUM)
    for each in (ADD_STARTED, event(EventType.NODE_STARTED, 500, nodeId="add")):
        progress.apply(each)
    assert progress.nodes["add"].stage is Stage.RUNNING
    assert [node.node.id for node in progress.of(Stage.RUNNING)] == ["add"]


def test_results_are_what_no_other_node_takes() -> None:
    progress = progress_of(SUM)
    for each in (ADD_COMPLETED, SHOW_COMPLETED):
        progress.apply(each)
    assert [(each.port, each.value) for each in progress.results()] == [("show.text", "3")]


def test_a_failure_is_caught_when_somebody_listens_to_the_error_port() -> None:
    caught, uncaught = progress_of(SUM), progress_of("nodes: {add: {type: MathNode}}")
    for each in (caught, uncaught):
        each.apply(ADD_FAILED)
    assert [len(each.failures) for each in (caught, uncaught)] == [1, 1]
    assert [len(each.uncaught) for each in (caught, uncaught)] == [0, 1]


@pytest.mark.parametrize(
    ("last", "line"),
    [
        (COMPLETED, "completed in 10 ms; nodes: 3 not begun"),
        (
            event(EventType.FLOW_FAILED, error=JsError("Error", "too late"), executionTime=61_000),
            "failed in 1 min 01 s (too late); nodes: 3 not begun",
        ),
        (
            event(EventType.FLOW_CANCELLED, reason="enough", executionTime=1_500),
            "stopped in 1.5 s (enough); nodes: 3 not begun",
        ),
    ],
)
def test_the_summary_begins_with_the_end(last: Event, line: str) -> None:
    progress = progress_of(SUM)
    progress.apply(last)
    assert summary(progress)[0] == line


def test_a_large_value_is_shown_by_its_size() -> None:
    progress = progress_of("nodes: {text: {type: TextNode}}")
    large = {"text": {"$blob": "hash", "size": 300_000}}
    progress.apply(
        event(EventType.NODE_COMPLETED, nodeId="text", values={}, large=large, executionTime=1)
    )
    assert "  text.text = (300,000 bytes)" in summary(progress)


def test_plain_lines_tell_starts_ends_and_logs(capsys: pytest.CaptureFixture[str]) -> None:
    progress = progress_of(SUM)
    log = event(EventType.NODE_DEBUG_LOG, 6, nodeId="add", log="hello")
    events = [STARTED, ADD_STARTED, log, ADD_FAILED, SHOW_SKIPPED, COMPLETED]
    for each in events:
        progress.apply(each)
    PlainLines(progress).show(events)
    assert capsys.readouterr().out.splitlines() == [
        "    0.005 s  started    add (Math)",
        "    0.006 s  log        add (Math): hello",
        "    0.008 s  failed     add (Math): no number",
        "    0.009 s  skipped    show (Number to String): no input",
    ]


PARKED: dict[str, Any] = {"waits": [], "children": 0, "paused": False, "wakeAt": None}
SIGNAL: dict[str, Any] = {"kind": "signal", "nodeId": "add", "name": "go", "assignees": []}


@pytest.mark.parametrize(
    ("parked", "lines"),
    [
        ({"waits": [{"kind": "sleep", "nodeId": "add", "due": BEGIN}]}, [f"add (Math): {DUE}"]),
        ({"waits": [{**SIGNAL, "due": None}]}, ["add (Math): for the signal go"]),
        (
            {"waits": [{**SIGNAL, "due": BEGIN, "assignees": ["ann", "bob"]}]},
            [f"add (Math): for the signal go from ann, bob, {DUE}"],
        ),
        (
            {
                "waits": [
                    {"kind": "child", "nodeId": "add", "executionId": "EX1", "flowId": "V2f"}
                ],
                "children": 1,
            },
            ["add (Math): for execution EX1 of flow V2f", "for the end of its children: 1"],
        ),
        ({"paused": True, "wakeAt": None}, ["until it is resumed"]),
        ({"wakeAt": BEGIN}, [DUE]),
    ],
)
def test_what_a_parked_execution_waits_for_is_told_in_words(
    parked: dict[str, Any], lines: list[str]
) -> None:
    progress = progress_of(SUM)
    progress.apply(event(EventType.FLOW_PARKED, **{**PARKED, **parked}))
    assert progress.waits == lines
    progress.apply(event(EventType.FLOW_RESUMED, by="local"))
    assert progress.waits == []


def test_plain_lines_tell_pauses_waits_and_tries(capsys: pytest.CaptureFixture[str]) -> None:
    progress = progress_of(SUM)
    failed: dict[str, Any] = {"nodeId": "add", "attempt": 1, "error": JsError("Error", "no")}
    events = [
        STARTED,
        ADD_STARTED,
        event(EventType.NODE_RETRY_SCHEDULED, 6, **failed, at=BEGIN + 5000),
        event(EventType.NODE_RETRY_SCHEDULED, 7, **failed, at=None),
        event(EventType.FLOW_PAUSED, 8, by="ann", reason="a\nlook"),
        event(EventType.FLOW_PARKED, 8, **{**PARKED, "paused": True}),
        event(EventType.SIGNAL_REJECTED, 9, signalId="s", name="go", reason="no number"),
        event(EventType.FLOW_RESUMED, 9, by="bob"),
    ]
    for each in events:
        progress.apply(each)
    PlainLines(progress).show(events)
    assert [line.partition(" s  ")[2] for line in capsys.readouterr().out.splitlines()] == [
        "started    add (Math)",
        "failed     add (Math), to be tried again: no",
        "failed     add (Math), out of tries: no",
        "paused     by ann: a look",
        "waiting    until it is resumed",
        "rejected   signal go: no number",
        "resumed    by bob",
    ]


def test_the_live_table_says_that_it_is_paused_and_what_for() -> None:
    progress = progress_of(SUM)
    for each in (
        STARTED,
        event(EventType.FLOW_PAUSED, by="ann", reason=None),
        event(EventType.FLOW_PARKED, **{**PARKED, "paused": True}),
    ):
        progress.apply(each)
    console = Console(width=80, height=12, file=None)
    with console.capture() as captured:
        console.print(LiveTable(progress, console).picture())
    head, waits, *_ = captured.get().splitlines()
    assert head.startswith("sum: paused, 0 of 3 nodes")
    assert waits == "waiting until it is resumed"


def test_the_live_table_shows_first_what_runs_when_there_is_no_room_for_all() -> None:
    nodes = "\n".join(f"  n{at}: {{type: MathNode}}" for at in range(50))
    progress = progress_of(f"nodes:\n{nodes}")
    for each in (STARTED, event(EventType.NODE_STARTED, nodeId="n42")):
        progress.apply(each)
    console = Console(width=80, height=12, record=True, file=None, quiet=False)
    with console.capture() as captured:
        console.print(LiveTable(progress, console).picture())
    lines = captured.get().splitlines()
    assert lines[0].startswith("sum: running, 0 of 50 nodes")
    assert "n42 (Math)" in lines[1]
    assert lines[-1] == "and 42 more nodes"
    assert len(lines) <= 12
