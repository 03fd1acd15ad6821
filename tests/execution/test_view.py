"""The full form of events that steer an execution."""

from __future__ import annotations

from typing import Any

import pytest

from chaingraph.engine.events import Event, EventType
from chaingraph.engine.graph import compile_flow
from chaingraph.execution.view import FullView
from chaingraph.flow.build import FlowBuilder
from chaingraph.nodes import builtin_catalog
from chaingraph.superjson import Custom


@pytest.fixture
def view() -> FullView:
    builder = FlowBuilder("flow", builtin_catalog(), id="flow")
    builder.add("TextNode", "a", text="x")
    return FullView(compile_flow(builder.build(), builtin_catalog()))


def shown(view: FullView, type_: EventType, **data: Any) -> dict[str, Any]:
    return dict(view.show(Event(5, type_, 0, data)).data)


def test_a_hit_shows_the_whole_node_and_the_values_that_were_looked_at(view: FullView) -> None:
    held = {"values": {"text": "y"}, "edgeId": "e", "problem": "no such name"}
    data = shown(view, EventType.BREAKPOINT_HIT, nodeId="a", **held)
    node = data.pop("node")
    assert data == held
    assert isinstance(node, Custom)
    assert (node.name, node.value["id"]) == ("BaseNode", "a")


def test_pauses_and_resumes_carry_the_flow_s_metadata(view: FullView) -> None:
    for type_ in (EventType.FLOW_PAUSED, EventType.FLOW_RESUMED):
        data = shown(view, type_, by="ann", reason="look")
        assert data.pop("flowMetadata")["name"] == "flow"
        assert data == {"by": "ann", "reason": "look"}


@pytest.mark.parametrize(
    ("type_", "more"),
    [
        (EventType.NODE_WAITING, {"wait": {"kind": "sleep", "due": 5}}),
        (EventType.NODE_ANSWERED, {"answer": {"kind": "time"}}),
        (EventType.NODE_RETRY_SCHEDULED, {"attempt": 1, "error": "x", "at": 5}),
    ],
)
def test_what_a_node_waits_for_is_told_by_its_id(
    view: FullView, type_: EventType, more: dict[str, Any]
) -> None:
    data = {"nodeId": "a", **more}
    assert shown(view, type_, **data) == data
