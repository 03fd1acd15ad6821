"""The flows that are measured."""

from __future__ import annotations

from chaingraph.engine.catalog import Catalog
from chaingraph.flow.build import FlowBuilder
from chaingraph.flow.model import Flow


def pure_chain(types: Catalog, nodes: int) -> Flow:
    """`m0 + 1 -> m1 + 1 -> …`"""
    flow = FlowBuilder(f"chain of {nodes}", types, id=f"V2chain{nodes}")
    before = None
    for number in range(nodes):
        handle = flow.add("MathNode", f"m{number}", b=1, operation="add")
        if before is not None:
            flow.connect(before["result"], handle["a"])
        before = handle
    return flow.build()


def stamps(types: Catalog, nodes: int) -> Flow:
    """A chain of effects; each output is the time at which it ran."""
    flow = FlowBuilder("stamps", types, id=f"V2stamps{nodes}")
    before = flow.add("Stamp", "s0")
    for number in range(1, nodes):
        before = flow.add("Stamp", f"s{number}", after=before["at"])
    return flow.build()


def chatter(types: Catalog, lines: int, per_second: float = 0) -> Flow:
    """One node that logs."""
    flow = FlowBuilder("chatter", types, id=f"V2chatter{lines}x{per_second:.0f}")
    flow.add("Chatter", "chatter", lines=lines, per_second=per_second)
    return flow.build()


def hold(types: Catalog, seconds: float, owner: str = "local") -> Flow:
    """One node that takes its time."""
    flow = FlowBuilder("hold", types, id=f"V2hold{owner}", owner=owner)
    flow.add("Hold", "hold", seconds=seconds)
    return flow.build()


def sleepers(types: Catalog, children: int) -> Flow:
    """So many children that sleep for an hour."""
    flow = FlowBuilder("sleepers", types, id=f"V2sleepers{children}")
    flow.add("Herald", "herald", count=children)
    called = flow.add("EventListenerNodeV2", "called", eventName="sleep")
    sleep = flow.add("SleepNode", "sleep", duration=3_600_000)
    flow.connect(called["__success"], sleep["__execute"])
    return flow.build()
