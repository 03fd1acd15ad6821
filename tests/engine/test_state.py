"""The state of an execution is a fold of its events: live, in a reader, and after a crash."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chaingraph.engine.authoring import NodeError, Stream, node
from chaingraph.engine.catalog import Catalog
from chaingraph.engine.channel import Channel
from chaingraph.engine.context import Identity
from chaingraph.engine.control import Completed
from chaingraph.engine.events import EventType
from chaingraph.engine.graph import compile_flow
from chaingraph.engine.options import Options
from chaingraph.engine.run import Run
from chaingraph.engine.state import FlowState, NodeState
from chaingraph.engine.waits import Child
from chaingraph.execution.vault import NO_KEYS
from chaingraph.flow.build import FlowBuilder, NodeHandle, PortRef
from chaingraph.flow.complete import complete
from chaingraph.flow.model import Flow
from chaingraph.nodes.flow_control import GroupNode
from chaingraph.superjson import dumps, loads
from tests.laboratory import Lab, started


@node(kind="pure", quick=True)
def add(a: float = 1, b: float = 1) -> float:
    return (a + b) % 1000


@node()
async def call(a: float = 1) -> float:
    await asyncio.sleep(0)
    return a + 1


@node(kind="pure", quick=True)
def odd_only(a: float = 1) -> float:
    if a % 2 == 0:
        raise NodeError(f"{a} is even")
    return a


@node(kind="pure", quick=True)
def is_even(a: float = 1) -> bool:
    return a % 2 == 0


@node(kind="pure", output="numbers")
async def count(a: float = 1) -> AsyncIterator[float]:
    for i in range(int(a) % 5):
        yield i


@node(kind="pure")
async def total(numbers: Stream[float], b: float = 1) -> float:
    return sum([each async for each in numbers]) + b


@node()
async def keep(items: list[Any] | None = None) -> list[Any] | None:
    return items


CATALOG = Catalog.of(add, call, odd_only, is_even, count, total, keep, GroupNode)
#: type -> its number inputs
NUMBERS = {
    "Add": ("a", "b"),
    "Call": ("a",),
    "OddOnly": ("a",),
    "IsEven": ("a",),
    "Count": ("a",),
    "Total": ("b",),
    "Keep": ("items[1]",),
}
GIVES_NUMBERS = ("Add", "Call", "OddOnly", "Total")


@st.composite
def flows(draw: st.DrawFn, sources: int) -> Flow:
    """Up to ten nodes, each fed by earlier ones or by constants; some switched by them.

    A port has so many sources at most; with two of them it is a race which value it gets.
    """
    build = FlowBuilder("random", CATALOG)
    made: list[tuple[str, NodeHandle]] = []
    group = build.add("GroupNode", "group") if draw(st.booleans()) else None
    for i in range(draw(st.integers(1, 9))):
        streams = [handle for type_, handle in made if type_ == "Count"]
        type_ = draw(st.sampled_from([t for t in NUMBERS if t != "Total" or streams]))
        handle = build.add(type_, f"n{i}", parent=group if draw(st.integers(0, 3)) == 0 else None)
        if type_ == "Total":
            build.connect(draw(st.sampled_from(streams))["numbers"], handle["numbers"])
        for port_id in NUMBERS[type_]:
            _feed(draw, build, handle[port_id], made, sources)
        _switch(draw, build, handle, made)
        made.append((type_, handle))
    return build.build()


def _feed(
    draw: st.DrawFn,
    build: FlowBuilder,
    target: PortRef,
    made: list[tuple[str, NodeHandle]],
    most: int,
) -> None:
    known = [handle["result"] for type_, handle in made if type_ in GIVES_NUMBERS]
    chosen = draw(st.lists(st.sampled_from(known), max_size=most, unique=True)) if known else []
    for source in chosen:
        build.connect(source, target)
    if not chosen and "[" not in target.port_id:
        build.set(target, draw(st.integers(0, 9)))


def _switch(
    draw: st.DrawFn, build: FlowBuilder, target: NodeHandle, made: list[tuple[str, NodeHandle]]
) -> None:
    if draw(st.integers(0, 4)) == 0:
        build.set(target["__execute"], False)
    if made and draw(st.integers(0, 2)) == 0:
        type_, source = draw(st.sampled_from(made))
        ports = ["__success", "__error", *(["result"] if type_ == "IsEven" else [])]
        build.connect(source[draw(st.sampled_from(ports))], target["__execute"])


class Tape:
    """A recorder that keeps what is recorded as a journal would, and commits when asked."""

    def __init__(self) -> None:
        self.entries: list[tuple[EventType, bytes]] = []
        self._calls: list[Callable[[], None]] = []

    def record(self, type_: EventType, data: dict[str, Any]) -> None:
        self.entries.append((type_, dumps(data)))

    async def committed(self) -> None:
        await self.room()

    async def room(self) -> None:
        await asyncio.sleep(0)
        calls, self._calls = self._calls, []
        for call in calls:
            call()

    def after_commit(self, call: Callable[[], None]) -> None:
        self._calls.append(call)


class Childless:
    """Children of a run that has none."""

    def check(self, more: int) -> None:
        raise AssertionError

    def emit(self, node_id: str, events: Sequence[Mapping[str, Any]]) -> None:
        raise AssertionError

    async def call(self, node_id: str, wanted: Child) -> str:
        raise AssertionError


def seen(state: FlowState) -> dict[str, dict[str, Any]]:
    return {node_id: _seen(each) for node_id, each in state.nodes.items()}


def _seen(state: NodeState) -> dict[str, Any]:
    facts: dict[str, Any] = {name: getattr(state, name) for name in NodeState.__slots__}
    facts["values"] = {port_id: _plain(value) for port_id, value in state.values.items()}
    return facts


def _plain(value: Any) -> Any:
    return (value.items, value.closed, value.error) if isinstance(value, Channel) else value


@given(flows(sources=2))
@settings(max_examples=150, deadline=None)
def test_the_live_state_is_the_fold_of_what_was_written(flow: Flow) -> None:
    graph = compile_flow(complete(flow, CATALOG), CATALOG)
    live, tape = FlowState(graph), Tape()

    async def drive() -> None:
        identity = Identity("EX", flow.id, "local", "EX")
        run = Run(
            identity,
            live,
            tape,
            Options(),
            Childless(),
            NO_KEYS,
            time_left_ms=60_000,
            clock=lambda: 0,
        )
        assert await run.drive() == Completed()

    asyncio.run(drive())
    folded = FlowState(graph)
    for type_, data in tape.entries:
        folded.apply(type_, loads(data))
    assert seen(folded) == seen(live)
    assert all(each.outcome is not None for each in live.nodes.values())


@given(flows(sources=1))
@settings(max_examples=80, deadline=None)
def test_from_every_commit_another_process_reaches_the_same_end(flow: Flow) -> None:
    async def crash_everywhere() -> None:
        run = await Lab(CATALOG).run(flow)
        for cut in run.cuts():
            resumed = await run.resumed_at(cut)
            assert resumed.events[:cut] == run.events[:cut]
            assert _ends(resumed.state) == _ends(run.state)
            assert resumed.last.type is EventType.FLOW_COMPLETED
            ended = {
                node_id
                for node_id, each in _after(run.events[:cut], resumed.graph).nodes.items()
                if each.outcome is not None
            }
            assert not ended & set(started(resumed.events[cut:]))

    asyncio.run(crash_everywhere())


def _after(events: list[Any], graph: Any) -> FlowState:
    state = FlowState(graph)
    for event in events:
        state.apply(event.type, event.data)
    return state


def _ends(state: FlowState) -> dict[str, Any]:
    """What counts in the end: outcome, status and values of every node."""
    return {
        node_id: (each["outcome"], each["status"], each["values"])
        for node_id, each in seen(state).items()
    }
