"""What a fork takes over and what it runs again, by the events of the old execution."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias

import pytest

from chaingraph.engine.control import NodeStopped
from chaingraph.engine.events import Event, EventType
from chaingraph.engine.graph import Graph
from chaingraph.errors import BadInput
from chaingraph.execution.forking import entries_of, failed_nodes, plan_fork
from chaingraph.execution.records import Entry
from chaingraph.flow.model import Node
from chaingraph.superjson import JsError, dumps
from tests.engine.graphs import graph, node

Step: TypeAlias = tuple[EventType, Mapping[str, object]]

CREATED: Step = (EventType.EXECUTION_CREATED, {})
COMPLETED: Step = (EventType.FLOW_COMPLETED, {"executionTime": 1})
CANCELLED: Step = (EventType.FLOW_CANCELLED, {"reason": "enough", "executionTime": 1})
FAILED: Step = (EventType.FLOW_FAILED, {"error": JsError("Error", "over"), "executionTime": 1})


def began(node_id: str) -> Step:
    return EventType.NODE_STARTED, {"nodeId": node_id}


def moved(edge_id: str) -> Step:
    return EventType.EDGE_TRANSFER_COMPLETED, {"edgeId": edge_id, "transferTime": 0}


def done(node_id: str) -> Step:
    return EventType.NODE_COMPLETED, {"nodeId": node_id, "values": {}}


def failed(node_id: str, why: str = "no luck") -> Step:
    return EventType.NODE_FAILED, {"nodeId": node_id, "error": JsError("Error", why)}


def skipped(node_id: str) -> Step:
    return EventType.NODE_SKIPPED, {"nodeId": node_id, "reason": "no"}


def history(*steps: Step) -> list[Event]:
    return [Event(at, type_, at, data) for at, (type_, data) in enumerate((CREATED, *steps))]


def kept(of: Graph, steps: Iterable[Step], *nodes: str) -> str:
    """The kept nodes as one word."""
    return "".join(sorted(plan_fork(history(*steps), of, nodes)))


CHAIN = graph("abc", ["a.o0 -> b.i0", "b.o0 -> c.i0"])
DIAMOND = graph("abcd", ["a.o0 -> b.i0", "a.o0 -> c.i0", "b.o0 -> d.i0", "c.o0 -> d.i1"])
EITHER = graph("abc", ["a.o0 -> c.i0", "b.o0 -> c.i0"])


@pytest.mark.parametrize(("point", "expected"), [("a", ""), ("b", "a"), ("c", "ab")])
def test_everything_upstream_is_kept(point: str, expected: str) -> None:
    assert kept(CHAIN, [done("a"), done("b"), done("c"), COMPLETED], point) == expected


def test_what_stands_beside_a_fork_point_is_kept() -> None:
    steps = [done("a"), skipped("b"), failed("c"), skipped("d"), COMPLETED]
    assert kept(DIAMOND, steps, "b") == "ac"
    assert kept(DIAMOND, steps, "b", "c") == "a"
    assert kept(DIAMOND, steps, "d") == "abc"


def test_without_fork_points_what_has_not_ended_runs() -> None:
    assert kept(DIAMOND, [done("a"), began("b"), done("c")]) == "ac"


def test_who_took_an_early_value_from_a_node_that_has_not_ended_runs_again() -> None:
    steps = [began("a"), moved("a.o0 -> b.i0"), done("b"), moved("b.o0 -> c.i0"), done("c")]
    assert kept(CHAIN, steps) == ""


def test_who_did_not_wait_for_a_node_that_has_not_ended_is_kept() -> None:
    assert kept(EITHER, [done("a"), began("b"), moved("a.o0 -> c.i0"), done("c")]) == "ac"
    assert kept(EITHER, [done("a"), moved("a.o0 -> c.i0"), done("c"), COMPLETED]) == "ac"


def test_what_was_skipped_at_the_end_runs_when_its_sources_do() -> None:
    steps = [failed("a"), skipped("b"), skipped("c"), COMPLETED]
    assert kept(CHAIN, steps, "a") == ""
    assert kept(CHAIN, steps) == "abc"


def group(node_id: str) -> Node:
    plain = node(node_id)
    return replace(plain, metadata={**plain.metadata, "category": "group"})


def test_a_group_runs_again_with_a_node_inside_it() -> None:
    inside = graph(
        [group("g"), node("a", parent="g"), node("b", parent="g"), node("z")], ["g.o0 -> z.i0"]
    )
    steps = [done("a"), done("b"), done("g"), done("z"), COMPLETED]
    assert kept(inside, steps, "a") == "b"
    assert kept(inside, steps, "g") == "ab"


def test_captured_nodes_run_again_with_their_container() -> None:
    inside = graph([node("t"), node("a", parent="t"), node("z")], ["a.o0 -> z.i0"])
    steps = [done("a"), done("t"), done("z"), COMPLETED]
    assert kept(inside, steps, "t") == ""
    assert kept(inside, steps, "z") == "at"


@pytest.mark.parametrize(("end", "why"), [(CANCELLED, "enough"), (FAILED, "over")])
def test_a_node_that_only_the_end_of_the_flow_has_stopped_has_not_ended(
    end: Step, why: str
) -> None:
    steps = [failed("a"), failed("b", str(NodeStopped("b", why))), end]
    assert kept(CHAIN, steps) == "a"


def test_unknown_nodes_are_told_with_those_that_there_are() -> None:
    with pytest.raises(BadInput, match=r"has no node x, y; it has a, b, c"):
        plan_fork(history(), CHAIN, ["a", "x", "y"])


def test_a_retry_begins_where_nodes_failed() -> None:
    events = history(failed("d"), done("a"), failed("b"), COMPLETED)
    assert failed_nodes(events, DIAMOND) == ["b", "d"]


@pytest.mark.parametrize("end", [CANCELLED, FAILED])
def test_a_retry_begins_also_where_nodes_were_cut_short(end: Step) -> None:
    assert failed_nodes(history(began("a"), done("a"), began("b"), end), CHAIN) == ["b"]
    assert failed_nodes(history(end), CHAIN) == []


@pytest.mark.parametrize("steps", [[], [began("a")], [began("a"), done("a"), COMPLETED]])
def test_where_nothing_failed_nothing_is_retried(steps: list[Step]) -> None:
    with pytest.raises(BadInput, match="nothing to retry"):
        failed_nodes(history(*steps), CHAIN)


def taken(steps: list[Step], *nodes: str) -> list[Step]:
    """What of these steps a fork that keeps the nodes takes over."""
    events = history(*steps)
    entries = [Entry(e.position, e.type.value, e.at, dumps(e.data)) for e in events]
    found = entries_of(entries, events, CHAIN, nodes)
    assert [each.position for each in found] == list(range(1, len(found) + 1))
    step_of = {
        entry.data: (event.type, event.data) for entry, event in zip(entries, events, strict=True)
    }
    return [step_of[each.data] for each in found]


def of(type_: EventType, node_id: str = "a", **more: object) -> Step:
    return type_, {"nodeId": node_id, **more}


def test_everything_about_kept_nodes_is_taken_over_in_its_order() -> None:
    about_b: list[Step] = [
        of(EventType.NODE_STATUS_CHANGED, "b", oldStatus="idle", newStatus="executing"),
        began("b"),
        moved("a.o0 -> b.i0"),
        (EventType.EDGE_TRANSFER_FAILED, {"edgeId": "a.o0 -> b.i0"}),
        of(EventType.NODE_DEBUG_LOG, "b", log="x"),
        of(EventType.NODE_WAITING, "b", wait={"kind": "sleep", "due": 1}),
        of(EventType.NODE_ANSWERED, "b", answer={"kind": "time"}),
        of(EventType.NODE_RETRY_SCHEDULED, "b", attempt=1),
        of(EventType.NODE_PORT_RESOLVED, "b", portId="o0", value=1),
        of(EventType.NODE_STREAM_CHUNK, "b", portId="o1", items=[1]),
        done("b"),
    ]
    others = [began("a"), done("a"), began("c"), moved("b.o0 -> c.i0"), done("c")]
    assert taken([*others, *about_b, *others, COMPLETED], "b") == about_b


def test_what_steered_the_execution_and_its_children_are_left_out() -> None:
    steps: list[Step] = [
        (EventType.FLOW_STARTED, {}),
        (EventType.FLOW_PAUSED, {"reason": "x"}),
        of(EventType.STEPPED),
        of(EventType.BREAKPOINT_HIT),
        (EventType.FLOW_RESUMED, {}),
        of(EventType.CHILD_SPAWNED, executionId="EX2"),
        (EventType.CHILD_COMPLETED, {"executionId": "EX2"}),
        COMPLETED,
    ]
    assert taken(steps, "a") == []


def test_a_signal_is_taken_over_only_with_the_node_that_consumed_it() -> None:
    def signal(signal_id: str) -> Step:
        return EventType.SIGNAL_RECEIVED, {"signalId": signal_id, "name": "go", "value": 1}

    def answered(node_id: str, signal_id: str) -> Step:
        return of(
            EventType.NODE_ANSWERED, node_id, answer={"kind": "signal", "signalId": signal_id}
        )

    steps = [signal("1"), signal("2"), signal("3"), answered("a", "1"), answered("b", "2")]
    assert taken(steps, "a") == [signal("1"), answered("a", "1")]
