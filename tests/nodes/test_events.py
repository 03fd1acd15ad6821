from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chaingraph.engine.authoring import NodeError, node_type_of
from chaingraph.engine.node import FlowEvent
from chaingraph.flow.codec import read_flow
from chaingraph.flow.validate import check
from chaingraph.nodes import builtin_catalog
from chaingraph.nodes.events import (
    EventEmitterNode,
    EventListenerNode,
    EventListenerNodeV2,
    IsRootExecutionNode,
)
from tests.nodes.contexts import MemoryContext, run_body

LISTENERS = [(EventListenerNodeV2, "eventPayload"), (EventListenerNode, "outputData")]


async def test_an_emitter_emits_its_payload() -> None:
    ctx = MemoryContext()
    values = {"eventName": "tick", "payload": {"value": 1}}
    assert await run_body(node_type_of(EventEmitterNode), values, ctx) == {}
    assert ctx.emitted == [("tick", {"value": 1})]


async def test_no_payload_is_an_empty_one() -> None:
    ctx = MemoryContext()
    await run_body(node_type_of(EventEmitterNode), {"eventName": "tick"}, ctx)
    assert ctx.emitted == [("tick", {})]


@pytest.mark.parametrize("name", ["", None])
async def test_an_event_has_a_name(name: str | None) -> None:
    ctx = MemoryContext()
    with pytest.raises(NodeError, match="Event name is required"):
        await run_body(node_type_of(EventEmitterNode), {"eventName": name}, ctx)
    assert ctx.emitted == []


@pytest.mark.parametrize(("listener", "out"), LISTENERS)
@pytest.mark.parametrize(("payload", "given"), [({"value": 1}, {"value": 1}), (None, {})])
async def test_a_listener_gives_on_what_it_heard(
    listener: type, out: str, payload: Any, given: Any
) -> None:
    ctx = MemoryContext(event=FlowEvent("tick", payload))
    values = await run_body(node_type_of(listener), {"eventName": "tick"}, ctx)
    assert values[out] == given


@pytest.mark.parametrize(("listener", "out"), LISTENERS)
@pytest.mark.parametrize("event", [None, FlowEvent("tock", {"value": 1})])
async def test_a_listener_keeps_still_about_what_it_does_not_listen_to(
    listener: type, out: str, event: FlowEvent | None
) -> None:
    held = {"eventName": "tick", out: {"value": 0}}
    values = await run_body(node_type_of(listener), held, MemoryContext(event=event))
    assert values[out] == {"value": 0}


@pytest.mark.parametrize("listener", [EventListenerNode, EventListenerNodeV2])
def test_a_listener_does_not_run_by_itself(listener: type) -> None:
    made = node_type_of(listener)
    assert made.listens and made.flow_ports == {"disabledAutoExecution": True}


@pytest.mark.parametrize(
    ("depth", "parent", "is_root"), [(0, None, True), (1, "EXparent", False), (0, "EX", False)]
)
async def test_only_an_execution_without_a_parent_is_a_root(
    depth: int, parent: str | None, is_root: bool
) -> None:
    ctx = MemoryContext(execution_depth=depth, parent_execution_id=parent)
    values = await run_body(node_type_of(IsRootExecutionNode), {}, ctx)
    assert values == {"isRoot": is_root}


@pytest.mark.parametrize("name", ["V1_emit1", "V2_emit1"])
def test_a_recorded_flow_with_an_emitter_has_no_mistakes(name: str) -> None:
    path = Path(__file__).parents[1] / "flow" / "data" / f"{name}.flow.json"
    flow = read_flow(json.loads(path.read_text()))
    report = check(flow, builtin_catalog(), strict=True)
    assert report.errors == ()
