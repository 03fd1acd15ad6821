"""Small flows that do what executions can do: run, wait, fail, emit, call."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from chaingraph.engine.authoring import Context, NodeError, node
from chaingraph.engine.catalog import Catalog
from chaingraph.flow.build import FlowBuilder
from chaingraph.flow.model import Flow
from chaingraph.nodes import builtin_catalog

HOUR = 3_600_000
#: `flaky` fails so often in each execution.
FAILURES = 3


@dataclass
class Bodies:
    """Node types whose bodies are counted, by execution and node, and wait at a door."""

    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    door: asyncio.Event = field(default_factory=asyncio.Event)

    def let_go(self) -> None:
        """Those who wait at the door go on; who comes later waits at the next one."""
        door, self.door = self.door, asyncio.Event()
        door.set()

    def catalog(self) -> Catalog:
        types = builtin_catalog()
        types.add(*self._running(), *self._others())
        return types

    def _called(self, ctx: Context) -> int:
        self.calls[ctx.execution_id, ctx.node_id] += 1
        return self.calls[ctx.execution_id, ctx.node_id]

    def _running(self) -> Iterator[object]:
        @node(kind="pure", quick=True)
        def inc(number: float = 0) -> float:
            return number + 1

        @node(kind="effect")
        async def pay(ctx: Context, number: float = 0) -> float:
            self._called(ctx)
            return number + 1

        @node(kind="effect")
        async def held(ctx: Context, number: float = 0) -> float:
            self._called(ctx)
            await self.door.wait()
            return number + 1

        @node(kind="once")
        async def launch(ctx: Context, number: float = 0) -> float:
            self._called(ctx)
            await self.door.wait()
            return number + 1

        yield from (inc, pay, held, launch)

    def _others(self) -> Iterator[object]:
        @node(kind="effect")
        async def flaky(ctx: Context, number: float = 0) -> float:
            if self._called(ctx) <= FAILURES:
                raise NodeError("not now")
            return number + 1

        @node(kind="pure", quick=True)
        def burst(ctx: Context) -> None:
            for n in range(2):
                ctx.emit_event("news", {"n": n})

        yield from (flaky, burst)


def chain(flow: FlowBuilder) -> None:
    first = flow.add("Inc", "first")
    paid = flow.add("Pay", "paid", number=first["result"])
    held = flow.add("Held", "held", number=paid["result"])
    flow.add("Inc", "last", number=held["result"])


def launching(flow: FlowBuilder) -> None:
    launched = flow.add("Launch", "launched")
    flow.add("Pay", "paid", number=launched["result"])
    flow.add("Held", "beside")


def signalled(flow: FlowBuilder) -> None:
    wait = flow.add("WaitForSignalNode", "wait", name="paid", schema={"type": "number"})
    flow.add("Held", "held")
    second = flow.add("WaitForSignalNode", "second", name="late", timeoutMs=2 * HOUR, default=0)
    flow.connect(wait["__success"], second["__execute"])


def billing(flow: FlowBuilder) -> None:
    wait = flow.add("WaitForSignalNode", "wait", name="paid", schema={"type": "number"})
    launched = flow.add("Launch", "launched")
    flow.connect(wait["__success"], launched["__execute"])
    flow.add("Pay", "paid", number=launched["result"])


def sleeping(flow: FlowBuilder) -> None:
    first = flow.add("Held", "first")
    sleep = flow.add("SleepNode", "sleep", duration=2 * HOUR)
    flow.connect(first["__success"], sleep["__execute"])
    last = flow.add("Pay", "last")
    flow.connect(sleep["__success"], last["__execute"])
    flow.add("SleepNode", "beside", duration=HOUR)


def retried(flow: FlowBuilder) -> None:
    retry = {"attempts": 2, "delayMs": HOUR, "factor": 1, "then": "pause"}
    flaky = flow.add("Flaky", "flaky", retry=retry)
    flow.add("Held", "held", number=flaky["result"])


def emitting(flow: FlowBuilder) -> None:
    flow.add("Burst", "burst")
    heard = flow.add("EventListenerNodeV2", "heard", eventName="news")
    wait = flow.add("WaitForSignalNode", "wait", name="paid", schema={"type": "number"})
    flow.connect(heard["__success"], wait["__execute"])
    paid = flow.add("Pay", "paid")
    flow.connect(wait["__success"], paid["__execute"])


def calling(flow: FlowBuilder) -> None:
    called = flow.add("RunFlowNode", "called", flowId="V2chain")
    paid = flow.add("Pay", "paid")
    flow.connect(called["__success"], paid["__execute"])


def calling_deep(flow: FlowBuilder) -> None:
    flow.add("RunFlowNode", "called", flowId="V2emitting")
    flow.add("Held", "beside")


Draw = Callable[[FlowBuilder], None]
FLOWS: tuple[Draw, ...] = (
    chain, launching, signalled, billing, sleeping, retried, emitting, calling, calling_deep,
)  # fmt: skip


def built(draw: Draw, types: Catalog) -> Flow:
    flow = FlowBuilder(draw.__name__, types, id=f"V2{draw.__name__}")
    draw(flow)
    return flow.build()


def sources(flow: Flow) -> dict[str, frozenset[str]]:
    """Every node of a flow with those that feed it."""
    fed: dict[str, Any] = {node_id: set() for node_id in flow.nodes}
    for edge in flow.edges:
        fed[edge.target].add(edge.source)
    return {node_id: frozenset(each) for node_id, each in fed.items()}
