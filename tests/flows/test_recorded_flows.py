"""Recorded flows do what they did before, node by node; what differs is on the closed list
(docs/decisions/0004-deviations-from-the-original.md)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from chaingraph.engine.catalog import Catalog
from chaingraph.errors import InvalidFlow
from chaingraph.execution.principals import LOCAL
from chaingraph.execution.records import Status
from chaingraph.execution.view import SeenEvent
from chaingraph.nodes import builtin_catalog
from chaingraph.nodes.arithmetic import MathNode
from chaingraph.nodes.basic_values import NumberNode
from tests.flows.recordings import (
    NAMES,
    Happening,
    by_node,
    envelope,
    happening,
    is_silent,
    recorded,
    samples,
    stored_flow,
)
from tests.laboratory import Clock, Lab, Run

#: values that are measured times: node -> ports
MEASURED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "V2_sleep100": {"s": ("actualDuration",), "m": ("a", "result")}
}
#: nodes that belong to an event and take no part without it, in silence
BOUND: Mapping[str, set[str]] = {"V1_emit1": {"li", "child"}, "V2_emit1": {"li", "child"}}


@cache
def catalog() -> Catalog:
    return builtin_catalog()


async def ran(name: str) -> tuple[Run, list[SeenEvent]]:
    lab = Lab(catalog(), Clock(real=True))
    run = await lab.run(stored_flow(name))
    await lab.settle()
    return await lab.seen(run.id), await lab.full(run.id)


def comparable(name: str, happenings: list[Happening]) -> list[Happening]:
    for each in happenings:
        for port_id in MEASURED.get(name, {}).get(each.get("node", ""), ()):
            if each["type"] in ("node:completed", "node:failed"):
                each["values"][port_id] = "measured"
    return happenings


@pytest.mark.parametrize("name", NAMES)
async def test_each_node_does_what_it_did(name: str) -> None:
    _, events = await ran(name)
    known = [each for each in events if not each.type.startswith("child:")]
    ours = by_node(comparable(name, [happening(each) for each in known]))
    theirs = by_node(comparable(name, recorded(name)))

    silent = {node_id for node_id, own in ours.items() if is_silent(own)}
    assert {node_id: own for node_id, own in ours.items() if node_id not in silent} == theirs
    assert silent == set(stored_flow(name).nodes) - set(theirs) - BOUND.get(name, set())


@pytest.mark.parametrize("name", NAMES)
async def test_the_flow_begins_and_ends_as_it_did(name: str) -> None:
    run, events = await ran(name)
    theirs = recorded(name)
    assert [each.type for each in events[:2]] == [each["type"] for each in theirs[:2]]
    assert events[-1].type == theirs[-1]["type"] == "flow:completed"
    assert [each.is_last for each in events] == [False] * (len(events) - 1) + [True]
    assert run.stored.row.status is Status.COMPLETED
    assert (run.stored.row.error_message, run.stored.row.error_node_id) == (None, None)


@pytest.mark.parametrize("name", NAMES)
async def test_indices_are_contiguous_from_minus_one(name: str) -> None:
    _, events = await ran(name)
    assert [each.index for each in events] == list(range(-1, len(events) - 1))
    assert [each.position for each in events] == list(range(len(events)))


@pytest.mark.parametrize("name", NAMES)
async def test_a_transfer_comes_after_the_end_of_its_source(name: str) -> None:
    _, events = await ran(name)
    ended: set[str] = set()
    for each in map(happening, events):
        if each["type"] in ("node:completed", "node:failed"):
            ended.add(each["node"])
        if "edge" in each:
            assert each["edge"].partition(".")[0] in ended, each


async def test_nodes_that_were_never_ready_speak_last_and_in_flow_order() -> None:
    _, events = await ran("V2_branch_true")
    skipped = [each for each in map(happening, events[-3:-1]) if "old" not in each]
    assert skipped == [
        {
            "type": "node:skipped",
            "node": "after_no",
            "reason": "there are unresolved input ports",
        }
    ]


async def test_measured_times_flow_downstream_as_they_were_measured() -> None:
    run, _ = await ran("V2_sleep100")
    slept = run.value("s", "actualDuration")
    assert slept >= 100
    assert (run.value("m", "a"), run.value("m", "result")) == (slept, slept + 1)


@pytest.mark.parametrize("sample", samples(), ids=lambda each: each["event"]["type"])
async def test_payloads_have_the_recorded_shape(sample: dict[str, Any]) -> None:
    _, events = await ran(sample["flow"])
    theirs = sample["event"]["data"]
    ours = envelope(_the_same(events, sample["event"]["type"], theirs["json"]))
    assert ours.get("meta") == theirs.get("meta")
    assert _shape(ours["json"]) == _shape(theirs["json"])


def _the_same(events: list[SeenEvent], type_: str, data: Mapping[str, Any]) -> SeenEvent:
    wanted = happening_key(data)
    return next(
        each
        for each in events
        if each.type == type_ and happening_key(envelope(each)["json"]) == wanted
    )


def happening_key(data: Mapping[str, Any]) -> object:
    node = data.get("node", {}).get("id", data.get("nodeId"))
    return node, data.get("newStatus"), data.get("serializedEdge", {}).get("id")


def _shape(value: Any) -> Any:
    """Keys and types, recursively. A port's configuration is shown as it is stored: where the
    stored one says no default, the recording has one that its node type had put there."""
    if isinstance(value, dict):
        return {key: _shape(each) for key, each in value.items() if key != "defaultValue"}
    if isinstance(value, list):
        return [_shape(each) for each in value]
    return "number" if isinstance(value, int | float) and value is not True else type(value)


@pytest.mark.parametrize("name", ["V1_emit1", "V2_emit1"])
async def test_the_child_of_an_emitter_does_what_it_did(name: str) -> None:
    lab = Lab(catalog(), Clock(real=True))
    run = await lab.run(stored_flow(name))
    await lab.settle()
    _, child = await lab.journal.tree(run.id)
    ours = [happening(each) for each in await lab.full(child.row.id)]
    theirs = recorded(f"{name}.child")
    assert [each["type"] for each in ours] == [each["type"] for each in theirs]
    assert by_node(ours) == by_node(theirs)
    external = child.row.external_events
    assert external == [{"eventName": "tick", "payload": {"value": 1}}]
    assert (child.row.execution_depth, child.row.flow_id) == (1, run.stored.row.flow_id)


@pytest.mark.parametrize("name", ["V1_emit1", "V2_emit1"])
async def test_a_flow_with_unknown_types_is_read_but_not_run(name: str) -> None:
    lab = Lab(Catalog.of(NumberNode, MathNode))
    with pytest.raises(InvalidFlow) as refused:
        await lab.service.import_flow(LOCAL, stored_flow(name))
    assert refused.value.problems == (
        "node em0: unknown type EventEmitterNode",
        "node li: unknown type EventListenerNodeV2",
    )


async def test_a_stored_flow_of_unknown_types_is_refused_at_create() -> None:
    whole, part = Lab(catalog()), Lab(Catalog.of(MathNode))
    flow = stored_flow("V2_error")
    stored = await whole.service.import_flow(LOCAL, flow)
    await part.flows.put(stored.data, flow.owner)
    with pytest.raises(InvalidFlow, match="node elsewhere: unknown type TextNode"):
        await part.service.create(LOCAL, flow.id)
