"""Recorded corner cases of the engine. Each agrees, or its difference is named here."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from chaingraph.engine.authoring import node
from chaingraph.engine.catalog import Catalog
from chaingraph.engine.node import Context
from chaingraph.errors import InvalidFlow
from chaingraph.execution.principals import LOCAL
from chaingraph.flow.codec import read_flow
from chaingraph.flow.model import Flow
from chaingraph.nodes import builtin_catalog
from tests.laboratory import Lab, Run, lines

NODE_EVENTS_FIRST = "node events of a cancelled or timed-out run come before the terminal event"
ALWAYS_CANCELLED = "an abort is always flow:cancelled"
TIME_OUT_CANCELS = "a flow time-out cancels running bodies: node:failed, then flow:failed"


@node(kind="pure", quick=True, listens=True, flow_ports={"disabledAutoExecution": True})
def listener(ctx: Context, eventName: str = "") -> Any:
    return ctx.event and ctx.event.payload


@node(kind="pure", quick=True, output="element")
def first_of_nothing() -> Any:
    return None


def flow(nodes: Mapping[str, tuple[str, Mapping[str, Any]]], *edges: str) -> Flow:
    """A flow as an editor may have stored it; `__execute` is among the values."""
    return read_flow(
        {
            "id": "V2probe",
            "metadata": {"id": "V2probe", "name": "probe", "ownerID": "local"},
            "nodes": [_node(node_id, *each) for node_id, each in nodes.items()],
            "edges": [_edge(each) for each in edges],
        }
    )


def _node(node_id: str, type_: str, values: Mapping[str, Any]) -> dict[str, Any]:
    declared = CATALOG[type_].ports
    own = {key: each for key, each in values.items() if key != "__execute"}
    stored: dict[str, Any] = {
        "id": node_id,
        "type": type_,
        "metadata": {"type": type_, "version": 1},
        "ports": [{"config": declared[key].config, "value": each} for key, each in own.items()],
        "schemaVersion": "v2",
    }
    if "__execute" in values:
        stored["systemPorts"] = {"execute": {"id": "__execute", "value": values["__execute"]}}
    return stored


def _edge(text: str) -> dict[str, Any]:
    source, target = text.split("->")
    ends = (*source.split(".", 1), *target.split(".", 1))
    keys = ("sourceNodeId", "sourcePortId", "targetNodeId", "targetPortId")
    return {"id": text, **dict(zip(keys, ends, strict=True)), "metadata": {}}


CATALOG = Catalog.of(builtin_catalog(), listener, first_of_nothing)
SLEEP = {"s": ("SleepNode", {"duration": 1000})}
TEXTS = {"a": ("TextNode", {"text": "hello"}), "c": ("TextNode", {})}
SLEEPS = {each: ("SleepNode", {"duration": 250}) for each in ("s", "s2", "s3")}
FALSE = {"__execute": False}


@dataclass(frozen=True)
class Probe:
    """How to repeat a recorded case."""

    label: str
    flow: Flow
    options: Mapping[str, float] = field(default_factory=dict)
    events: Sequence[Mapping[str, Any]] = ()
    #: stop with this reason once node `s` is started
    stop: str | None = None
    #: why we differ, and what we do instead
    reason: str = ""
    ours: tuple[str, ...] = ()


AGREEING = [
    Probe("node timeout 200ms", flow(SLEEP), {"nodeTimeoutMs": 200}),
    Probe(
        "stored __execute=false, edge delivers true",
        flow(
            {"t": ("BooleanNode", {"flag": True}), "x": ("TextNode", FALSE)},
            "t.flag->x.__execute",
        ),
    ),
    Probe(
        "stored __execute=false, no edge",
        flow({"x": ("TextNode", FALSE), "y": ("TextNode", {})}),
    ),
    Probe("debug + breakpoints option", flow(TEXTS, "a.text->c.text")),
    Probe(
        "required null transfer",
        flow(
            {"f": ("FirstOfNothing", {}), "h": ("HttpRequestNode", {})},
            "f.element->h.path",
        ),
    ),
    Probe(
        "event run: no listener matches",
        flow({"l": ("Listener", {"eventName": "other"}), "plain": ("TextNode", {})}),
        events=[{"eventName": "this", "payload": {}}],
    ),
]

DEVIATING = [
    Probe(
        "abort with string reason",
        flow(SLEEP),
        stop="user stop",
        reason=NODE_EVENTS_FIRST,
        ours=(
            "flow:started",
            "node:status-changed s initialized",
            "node:status-changed s executing",
            "node:started s",
            "node:status-changed s error",
            "node:failed s Sleep aborted",
            "flow:cancelled user stop",
        ),
    ),
    Probe(
        "abort without reason",
        flow(SLEEP),
        stop="",
        reason=ALWAYS_CANCELLED,
        ours=(
            "flow:started",
            "node:status-changed s initialized",
            "node:status-changed s executing",
            "node:started s",
            "node:status-changed s error",
            "node:failed s Sleep aborted",
            "flow:cancelled User requested stop",
        ),
    ),
    Probe(
        "abort with Error reason",
        flow(SLEEP),
        stop="boom",
        reason=ALWAYS_CANCELLED,
        ours=(
            "flow:started",
            "node:status-changed s initialized",
            "node:status-changed s executing",
            "node:started s",
            "node:status-changed s error",
            "node:failed s Sleep aborted",
            "flow:cancelled boom",
        ),
    ),
    Probe(
        "flow timeout 300ms, one node of 1000ms",
        flow(SLEEP),
        {"flowTimeoutMs": 300},
        reason=TIME_OUT_CANCELS,
        ours=(
            "flow:started",
            "node:status-changed s initialized",
            "node:status-changed s executing",
            "node:started s",
            "node:status-changed s error",
            "node:failed s Node s was stopped: Flow execution timed out after 300 ms",
            "flow:failed Flow execution timed out after 300 ms",
        ),
    ),
    Probe(
        "flow timeout 300ms, chain of two 250ms",
        flow(SLEEPS, "s.__success->s2.__execute", "s2.__success->s3.__execute"),
        {"flowTimeoutMs": 300},
        reason=TIME_OUT_CANCELS,
        ours=(
            "flow:started",
            "node:status-changed s initialized",
            "node:status-changed s executing",
            "node:started s",
            "node:status-changed s completed",
            "node:completed s",
            "node:status-changed s2 executing",
            "node:started s2",
            "edge:transfer-completed s.__success->s2.__execute",
            "node:status-changed s2 error",
            "node:failed s2 Node s2 was stopped: Flow execution timed out after 300 ms",
            "flow:failed Flow execution timed out after 300 ms",
        ),
    ),
]

REFUSED = {"cycle of two": "cycles are refused at create"}

#: Driven through the original's in-process debugger object, which nothing outside could reach.
NO_DEBUGGER = ("debugger.addBreakpoint then continue after 300ms", "debugger stop while paused")


def recorded() -> dict[str, dict[str, Any]]:
    text = (Path(__file__).parent / "data" / "probes.jsonl").read_text()
    return {each["label"]: each for each in map(json.loads, text.splitlines())}


async def repeated(probe: Probe) -> Run:
    lab = Lab(CATALOG)
    segment = await lab.begin(probe.flow, events=probe.events, **probe.options)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(lab.work(segment))
        if probe.stop is not None:
            await lab.until(segment.execution_id, "node:started", "s")
            await lab.service.stop(LOCAL, segment.execution_id, reason=probe.stop or None)
    return await lab.seen(segment.execution_id)


def by_node(told: Iterable[str]) -> dict[str, list[str]]:
    """First and last line under "flow", the others under their node."""
    own: defaultdict[str, list[str]] = defaultdict(list)
    for line in told:
        type_, *rest = line.split(" ")
        who = rest[0].partition("->")[2].partition(".")[0] or rest[0] if rest else ""
        own["flow" if type_.startswith("flow:") else who].append(line)
    return dict(own)


def told_by(run: Run) -> list[str]:
    return [line.partition(" ")[2] for line in lines(run)]


@pytest.mark.parametrize("probe", AGREEING, ids=lambda each: each.label)
async def test_it_agrees_with_the_recording(probe: Probe) -> None:
    theirs = recorded()[probe.label]
    run = await repeated(probe)
    told = told_by(run)
    assert by_node(told) == by_node(theirs["events"])
    assert (told[0], told[-1]) == (theirs["events"][0], theirs["events"][-1])
    assert run.statuses == theirs["statuses"]


@pytest.mark.parametrize("probe", DEVIATING, ids=lambda each: f"{each.label}: {each.reason}")
async def test_it_deviates_as_decided(probe: Probe) -> None:
    told = told_by(await repeated(probe))
    assert told == list(probe.ours)
    assert told != recorded()[probe.label]["events"]


async def test_a_cycle_is_refused() -> None:
    circle: dict[str, tuple[str, dict[str, Any]]] = {
        "a": ("TextNode", {}),
        "b": ("TextNode", {}),
        "z": ("TextNode", {}),
    }
    flows = flow(circle, "a.text->b.text", "b.text->a.text")
    with pytest.raises(InvalidFlow, match="cycle: a -> b -> a"):
        await Lab(CATALOG).begin(flows)


def test_every_recorded_case_is_here() -> None:
    named = [each.label for each in (*AGREEING, *DEVIATING)]
    assert sorted([*named, *REFUSED, *NO_DEBUGGER]) == sorted(recorded())
