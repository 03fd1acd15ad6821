"""A workbench for forks: flows whose nodes count their runs, and forks that run when made."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaingraph.engine.authoring import Stream, node
from chaingraph.engine.catalog import Catalog
from chaingraph.engine.events import EventType
from chaingraph.engine.node import Context
from chaingraph.engine.waits import Received, Signal
from chaingraph.execution.forks import Forks
from chaingraph.execution.intake import Prepared, prepare
from chaingraph.execution.principals import LOCAL
from chaingraph.execution.records import Segment
from chaingraph.execution.verify import verify
from chaingraph.flow.build import FlowBuilder
from chaingraph.flow.model import Flow
from chaingraph.nodes.basic_values import TextNode
from chaingraph.nodes.flow_control import GroupNode, branch_node
from tests.laboratory import MAX_VALUE_BYTES, Lab, Run


@dataclass
class Bench:
    """Node types that count their runs by node, and fail as often as they are told."""

    calls: Counter[str] = field(default_factory=Counter)
    to_fail: Counter[str] = field(default_factory=Counter)
    holding: asyncio.Event = field(default_factory=asyncio.Event)

    def lab(self) -> tuple[Lab, FlowBuilder]:
        own = (*self._plain(), *self._streaming(), *self._waiting())
        lab = Lab(Catalog.of(*own, branch_node, TextNode, GroupNode))
        return lab, FlowBuilder("bench", lab.catalog, id="bench")

    def _tell(self, ctx: Context) -> None:
        self.calls[ctx.node_id] += 1
        if self.to_fail[ctx.node_id]:
            self.to_fail[ctx.node_id] -= 1
            raise ValueError(f"{ctx.node_id} broke")

    def _plain(self) -> Iterator[object]:
        @node(name="Join")
        async def join(ctx: Context, a: str = "", b: str = "", own: str = "") -> str:
            self._tell(ctx)
            return f"{ctx.node_id}({a}{b}{own})"

        @node(name="Grow")
        async def grow(ctx: Context, size: int = 0) -> str:
            self._tell(ctx)
            return "x" * size

        yield from (join, grow)

    def _streaming(self) -> Iterator[object]:
        @node(name="Spell", output="stream")
        async def spell(ctx: Context, text: str = "") -> AsyncIterator[str]:
            self._tell(ctx)
            for letter in text:
                yield letter

        @node(name="Read")
        async def read(ctx: Context, stream: Stream[str]) -> str:
            self._tell(ctx)
            return "".join([letter async for letter in stream])

        yield from (spell, read)

    def _waiting(self) -> Iterator[object]:
        @node(name="Hold")
        async def hold(ctx: Context, a: str = "") -> str:
            self._tell(ctx)
            if self.calls[ctx.node_id] == 1:
                self.holding.set()
                await asyncio.Event().wait()
            return f"held {a}"

        @node(name="Ask", kind="pure", waits=lambda: Signal("go"))
        async def ask(ctx: Context) -> Any:
            self._tell(ctx)
            assert isinstance(ctx.answer, Received)
            return ctx.answer.value

        @node(name="Listen", kind="pure", quick=True, listens=True, output="heard")
        def listen(ctx: Context, eventName: str = "") -> str:
            self._tell(ctx)
            return "yes"

        yield from (hold, ask, listen)


def forks(lab: Lab) -> Forks:
    async def prepared(flow: Flow, inputs: Mapping[str, Any] | None, owner: str) -> Prepared:
        return prepare(flow, lab.catalog, inputs or {}, max_value_bytes=MAX_VALUE_BYTES)

    return Forks(lab.journal, lab.flows, prepared, lab.clock)


async def worked(run: Run, making: Awaitable[str]) -> Run:
    """The fork, after its segment ran; its journal keeps all promises."""
    made = await making
    await run.lab.work(Segment(made, 1))
    fork = await run.lab.seen(made)
    assert verify(fork.stored, fork.events) == []
    return fork


async def forked(run: Run, *nodes: str, **more: Any) -> Run:
    return await worked(run, forks(run.lab).fork(LOCAL, run.stored, nodes=nodes, **more))


async def retried(run: Run) -> Run:
    return await worked(run, forks(run.lab).retry(LOCAL, run.stored))


def results(run: Run) -> dict[str, Any]:
    return {node_id: run.value(node_id, "result") for node_id in run.graph.flow.nodes}


def start_of(run: Run) -> int:
    """The position of the start: what a fork takes over stands before it."""
    (start,) = (e.position for e in run.events if e.type is EventType.FLOW_STARTED)
    return start
