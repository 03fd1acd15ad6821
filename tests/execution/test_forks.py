"""Forks and retries as executions: what runs, what comes out, and what their journals look like."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaingraph.engine.authoring import Stream, node
from chaingraph.engine.catalog import Catalog
from chaingraph.engine.channel import Channel
from chaingraph.engine.events import EventType
from chaingraph.engine.node import Context
from chaingraph.engine.state import NodeState
from chaingraph.errors import BadInput, FlowNotFound, Forbidden, IdempotencyConflict
from chaingraph.execution.forks import Forks
from chaingraph.execution.intake import Prepared, prepare
from chaingraph.execution.recorder import BLOB_BYTES
from chaingraph.execution.records import LOCAL, Principal, Segment, Status
from chaingraph.execution.verify import verify
from chaingraph.flow.build import FlowBuilder
from chaingraph.flow.model import Flow
from chaingraph.nodes.basic_values import TextNode
from chaingraph.nodes.flow_control import GroupNode, branch_node
from tests.laboratory import MAX_VALUE_BYTES, Lab, Run, started


@dataclass
class Bench:
    """Node types that count their runs by node, and fail as often as they are told."""

    calls: Counter[str] = field(default_factory=Counter)
    to_fail: Counter[str] = field(default_factory=Counter)
    holding: asyncio.Event = field(default_factory=asyncio.Event)

    def lab(self) -> tuple[Lab, FlowBuilder]:
        def tell(ctx: Context) -> None:
            self.calls[ctx.node_id] += 1
            if self.to_fail[ctx.node_id]:
                self.to_fail[ctx.node_id] -= 1
                raise ValueError(f"{ctx.node_id} broke")

        @node(name="Join")
        async def join(ctx: Context, a: str = "", b: str = "", own: str = "") -> str:
            tell(ctx)
            return f"{ctx.node_id}({a}{b}{own})"

        @node(name="Spell", output="stream")
        async def spell(ctx: Context, text: str = "") -> AsyncIterator[str]:
            tell(ctx)
            for letter in text:
                yield letter

        @node(name="Read")
        async def read(ctx: Context, stream: Stream[str]) -> str:
            tell(ctx)
            return "".join([letter async for letter in stream])

        @node(name="Grow")
        async def grow(ctx: Context, size: int = 0) -> str:
            tell(ctx)
            return "x" * size

        @node(name="Hold")
        async def hold(ctx: Context, a: str = "") -> str:
            tell(ctx)
            if self.calls[ctx.node_id] == 1:
                self.holding.set()
                await asyncio.Event().wait()
            return f"held {a}"

        types = (join, spell, read, grow, hold, branch_node, TextNode, GroupNode)
        lab = Lab(Catalog.of(*types))
        return lab, FlowBuilder("bench", lab.catalog, id="bench")


def forks(lab: Lab) -> Forks:
    async def prepared(flow: Flow, inputs: Mapping[str, Any] | None) -> Prepared:
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


def chain(build: FlowBuilder) -> Flow:
    a = build.add("Join", "a", own="1")
    b = build.add("Join", "b", a=a["result"], own="2")
    build.add("Join", "c", a=b["result"], own="3")
    return build.build()


async def test_a_fork_runs_from_its_nodes_on_and_ends_as_the_old_one() -> None:
    bench = Bench()
    lab, build = bench.lab()
    old = await lab.run(chain(build))
    fork = await forked(old, "b")
    assert bench.calls == {"a": 1, "b": 2, "c": 2}
    assert results(fork) == results(old)
    assert fork.statuses == old.statuses
    assert fork.stored.row.status is Status.COMPLETED


async def test_a_fork_says_where_it_comes_from_and_is_a_root_of_its_own() -> None:
    lab, build = Bench().lab()
    old = await lab.run(chain(build), nodeTimeoutMs=5000)
    fork = await forked(old, "c", "b")
    row = fork.stored.row
    assert row.forked_from == old.id
    assert fork.events[0].data["forkedFrom"] == {"executionId": old.id, "nodes": ["b", "c"]}
    assert (row.root_execution_id, row.parent_execution_id, row.execution_depth) == (
        row.id,
        None,
        0,
    )
    assert row.options == old.stored.row.options
    assert fork.stored.dispatch.snapshot == old.stored.dispatch.snapshot


async def test_what_is_taken_over_comes_before_the_start_and_is_shown_as_it_was() -> None:
    lab, build = Bench().lab()
    old = await lab.run(chain(build))
    fork = await forked(old, "c")
    before = [e for e in fork.events if e.position < _start_of(fork)]
    assert started(before) == ["a", "b"]
    shown = {e.type: e for e in await lab.full(fork.id) if "a" in str(e.data.get("nodeId", ""))}
    assert shown.keys() == {"node:status-changed"}
    full = [e.data["node"].value for e in await lab.full(fork.id) if e.type == "node:completed"]
    as_it_was = [e.data["node"].value for e in await lab.full(old.id) if e.type == "node:completed"]
    assert full == as_it_was


def _start_of(run: Run) -> int:
    (start,) = (e.position for e in run.events if e.type is EventType.FLOW_STARTED)
    return start


async def test_a_replaced_input_goes_before_what_its_edges_bring() -> None:
    bench = Bench()
    lab, build = bench.lab()
    old = await lab.run(chain(build))
    fork = await forked(old, "b", inputs={"b.a": "new", "c.own": "4"})
    assert results(fork) == {"a": "a(1)", "b": "b(new2)", "c": "c(b(new2)4)"}
    assert results(await lab.seen(old.id)) == results(old)


async def test_inputs_of_what_is_taken_over_cannot_be_replaced() -> None:
    lab, build = Bench().lab()
    old = await lab.run(chain(build))
    with pytest.raises(BadInput, match=r"a\.own"):
        await forked(old, "b", inputs={"a.own": "4"})
    with pytest.raises(BadInput, match=r"no input port b\.nothing"):
        await forked(old, "b", inputs={"b.nothing": "4"})


async def test_a_diamond_runs_again_on_one_side() -> None:
    bench = Bench()
    lab, build = bench.lab()
    a = build.add("Join", "a")
    left, right = (build.add("Join", name, a=a["result"]) for name in ("left", "right"))
    build.add("Join", "d", a=left["result"], b=right["result"])
    old = await lab.run(build.build())
    fork = await forked(old, "left", inputs={"left.own": "!"})
    assert bench.calls == {"a": 1, "left": 2, "right": 1, "d": 2}
    assert fork.value("d", "result") == "d(left(a()!)right(a()))"


async def test_a_fork_of_a_branch_may_take_the_other_arm() -> None:
    bench = Bench()
    lab, build = bench.lab()
    first = build.add("Join", "first")
    branch = build.add("BranchNode", "branch", leftValue=first["result"], rightValue="first()")
    build.connect(branch["result"], build.add("Join", "then")["__execute"])
    build.add("Join", "beside", a=first["result"])
    old = await lab.run(build.build())
    assert old.statuses["then"] == "completed"
    fork = await forked(old, "branch", inputs={"branch.rightValue": "else"})
    assert fork.statuses == {**old.statuses, "then": "skipped"}
    again = await forked(fork, "beside")
    assert again.statuses == fork.statuses
    assert bench.calls == {"first": 1, "then": 1, "beside": 2}


async def test_a_caught_error_stays_caught() -> None:
    bench = Bench(to_fail=Counter(a=2))
    lab, build = bench.lab()
    a = build.add("Join", "a")
    caught = build.add("Join", "caught", a=a["__errorMessage"])
    build.connect(a["__error"], caught["__execute"])
    build.add("Join", "after", a=a["result"])
    old = await lab.run(build.build())
    assert old.statuses == {"a": "error", "caught": "completed", "after": "skipped"}
    fork = await forked(old, "caught")
    assert bench.calls == {"a": 1, "caught": 2}
    assert fork.value("caught", "result") == "caught(a broke)"
    assert fork.statuses == old.statuses


async def test_a_retry_goes_on_where_it_failed() -> None:
    bench = Bench(to_fail=Counter(b=1))
    lab, build = bench.lab()
    old = await lab.run(chain(build))
    assert old.statuses == {"a": "completed", "b": "error", "c": "skipped"}
    fork = await retried(old)
    assert bench.calls == {"a": 1, "b": 2, "c": 1}
    assert fork.value("c", "result") == "c(b(a(1)2)3)"
    with pytest.raises(BadInput, match="nothing to retry"):
        await retried(fork)


async def test_a_group_runs_again_without_the_others_inside_it() -> None:
    bench = Bench()
    lab, build = bench.lab()
    group = build.add("GroupNode", "group")
    build.add("Join", "x", parent=group)
    build.add("Join", "y", parent=group)
    old = await lab.run(build.build())
    fork = await forked(old, "x")
    assert bench.calls == {"x": 2, "y": 1}
    assert fork.statuses == old.statuses
    assert len(fork.all(EventType.NODE_COMPLETED, "group")) == 1


async def test_a_stream_that_was_sent_is_read_again() -> None:
    bench = Bench()
    lab, build = bench.lab()
    spell = build.add("Spell", "spell", text="abc")
    build.add("Read", "read", stream=spell["stream"])
    old = await lab.run(build.build())
    fork = await forked(old, "read")
    assert bench.calls == {"spell": 1, "read": 2}
    assert fork.value("read", "result") == "abc"
    assert results(await forked(old, "spell", inputs={"spell.text": "xy"}))["read"] == "xy"


async def test_large_values_are_taken_over() -> None:
    bench = Bench()
    lab, build = bench.lab()
    grow = build.add("Grow", "grow", size=BLOB_BYTES + 1)
    build.add("Read", "read", stream=build.add("Spell", "spell", text=grow["result"])["stream"])
    old = await lab.run(build.build())
    fork = await forked(old, "read")
    assert bench.calls["grow"] == 1
    shown = [e.data for e in await lab.full(fork.id) if e.type == "node:completed"]
    assert "x" * BLOB_BYTES in str(shown[0]["node"].value)


async def test_a_stopped_execution_goes_on_in_its_fork() -> None:
    bench = Bench()
    lab, build = bench.lab()
    a = build.add("Join", "a")
    hold = build.add("Hold", "hold", a=a["result"])
    build.add("Join", "last", a=hold["result"])
    segment = await lab.begin(build.build())
    work = asyncio.create_task(lab.work(segment))
    await bench.holding.wait()
    running = await forked(await lab.seen(segment.execution_id))
    await lab.service.stop(LOCAL, segment.execution_id)
    await work
    stopped = await lab.seen(segment.execution_id)
    assert stopped.stored.row.status is Status.STOPPED
    for fork in (running, await forked(stopped), await retried(stopped)):
        assert fork.value("last", "result") == "last(held a())"
    assert bench.calls == {"a": 1, "hold": 4, "last": 3}


async def test_what_did_not_begin_yet_is_forked_too() -> None:
    lab, build = Bench().lab()
    segment = await lab.begin(chain(build))
    fork = await forked(await lab.seen(segment.execution_id))
    assert fork.value("c", "result") == "c(b(a(1)2)3)"


async def test_a_fork_may_wait_for_its_start() -> None:
    lab, build = Bench().lab()
    old = await lab.run(chain(build))
    made = await forks(lab).fork(LOCAL, old.stored, nodes=["b"], start=False)
    assert (await lab.service.details(LOCAL, made)).status is Status.CREATED
    await lab.service.start(LOCAL, made)
    await lab.work(Segment(made, 1))
    assert (await lab.service.details(LOCAL, made)).status is Status.COMPLETED


async def test_a_newer_flow_runs_from_the_fork_on() -> None:
    bench = Bench()
    lab, build = bench.lab()
    old = await lab.run(chain(build))
    newer = FlowBuilder("bench", lab.catalog, id="bench")
    a = newer.add("Join", "a", own="other")
    b = newer.add("Join", "b", a=a["result"], own="better")
    newer.add("Join", "z", a=b["result"], b=a["result"])
    await lab.service.import_flow(LOCAL, newer.build())
    fork = await forked(old, "b", newer=True)
    assert results(fork) == {"a": "a(1)", "b": "b(a(1)better)", "z": "z(b(a(1)better)a(1))"}
    assert fork.value("a", "own") == "1"
    with pytest.raises(BadInput, match=r"newer flow bench: Node c has run, and the newer flow"):
        await forked(old, newer=True)


async def test_a_newer_flow_is_there_and_open_to_the_caller() -> None:
    lab, build = Bench().lab()
    old = await lab.run(chain(build))
    with pytest.raises(Forbidden):
        await forks(lab).fork(Principal("bob"), old.stored, newer=True)
    elsewhere = Forks(lab.journal, Lab(lab.catalog).flows, _unasked, lab.clock)
    with pytest.raises(FlowNotFound):
        await elsewhere.fork(LOCAL, old.stored, newer=True)


async def _unasked(flow: Flow, inputs: Mapping[str, Any] | None) -> Prepared:
    raise AssertionError


async def test_the_same_key_gives_the_same_fork_for_the_same_input_only() -> None:
    lab, build = Bench().lab()
    old = await lab.run(chain(build))
    fork = forks(lab).fork
    first = await fork(LOCAL, old.stored, nodes=["b", "c"], idempotency_key="k")
    assert await fork(LOCAL, old.stored, nodes=["c", "b"], idempotency_key="k") == first
    with pytest.raises(IdempotencyConflict):
        await fork(LOCAL, old.stored, nodes=["c"], idempotency_key="k")


async def test_what_another_system_ran_cannot_be_forked() -> None:
    lab, build = Bench().lab()
    old = await lab.run(chain(build))
    adopted = replace(old.stored, dispatch=replace(old.stored.dispatch, snapshot=""))
    with pytest.raises(BadInput, match="another system"):
        await forks(lab).fork(LOCAL, adopted)


@dataclass(frozen=True)
class Plot:
    """A random flow: for each node the sources of its ports `a` and `b`, and which nodes fail."""

    sources: list[tuple[list[int], list[int]]]
    failing: frozenset[int]
    ports: list[str]

    def flow(self, build: FlowBuilder) -> Flow:
        for at, ends in enumerate(self.sources):
            here = build.add("Join", f"n{at}")
            for port_id, feeding in zip("ab", ends, strict=True):
                for source in feeding:
                    build.connect(f"n{source}.{self.ports[source]}", here[port_id])
        return build.build()


@st.composite
def plots(draw: st.DrawFn, most_sources: int) -> Plot:
    size = draw(st.integers(2, 7))

    def sources(below: int) -> list[int]:
        found = st.lists(st.integers(0, below - 1), max_size=most_sources, unique=True)
        return draw(found) if below else []

    port = st.sampled_from(["result", "result", "result", "__errorMessage"])
    return Plot(
        [(sources(at), sources(at)) for at in range(size)],
        draw(st.frozensets(st.integers(0, size - 1), max_size=2)),
        [draw(port) for _ in range(size)],
    )


def chosen(draw: Callable[[st.SearchStrategy[int]], int], plot: Plot) -> str:
    return f"n{draw(st.integers(0, len(plot.sources) - 1))}"


def same(one: NodeState, other: NodeState) -> bool:
    return replace(one, values=plain(one)) == replace(other, values=plain(other))


def plain(state: NodeState) -> dict[str, Any]:
    return {k: v.items if isinstance(v, Channel) else v for k, v in state.values.items()}


def not_begun_again(fork: Run) -> Collection[str]:
    """The nodes that were taken over; none of them was begun after the start."""
    before, after = fork.events[1 : _start_of(fork)], fork.events[_start_of(fork) :]
    nodes = {event.data["nodeId"] for event in before if "nodeId" in event.data}
    assert nodes.isdisjoint(event.data.get("nodeId") for event in after)
    return nodes


@settings(max_examples=40, deadline=None)
@given(plots(1), st.data())
def test_a_fork_ends_as_a_run_from_the_beginning(plot: Plot, data: st.DataObject) -> None:
    async def scene() -> None:
        often = Counter({f"n{each}": 9 for each in plot.failing})
        lab, build = Bench(to_fail=often).lab()
        old = await lab.run(plot.flow(build))
        point = chosen(data.draw, plot)
        value = {f"{point}.own": "new"}
        fork = await forked(old, point, inputs=value)
        fresh_id = await lab.service.create(LOCAL, "bench", inputs=value)
        await lab.service.start(LOCAL, fresh_id)
        await lab.work(Segment(fresh_id, 1))
        fresh = await lab.seen(fresh_id)
        assert (fork.statuses, results(fork)) == (fresh.statuses, results(fresh))
        for each in not_begun_again(fork):
            assert same(fork.state.nodes[each], old.state.nodes[each])

    asyncio.run(scene())


@settings(max_examples=40, deadline=None)
@given(plots(2), st.data())
def test_a_fork_of_any_committed_prefix_keeps_what_has_ended(
    plot: Plot, data: st.DataObject
) -> None:
    async def scene() -> None:
        often = Counter({f"n{each}": 9 for each in plot.failing})
        lab, build = Bench(to_fail=often).lab()
        run = await lab.run(plot.flow(build))
        other, _ = await run.crashed_at(data.draw(st.sampled_from(run.cuts())))
        old = await other.seen(run.id)
        points = [chosen(data.draw, plot)] if data.draw(st.booleans()) else []
        fork = await forked(old, *points)
        taken = not_begun_again(fork)
        assert not set(points) & set(taken)
        if not points:
            ended = {i for i, each in old.state.nodes.items() if each.outcome is not None}
            assert set(taken) == ended
        for each in taken:
            assert same(fork.state.nodes[each], old.state.nodes[each])
        assert all(each.outcome is not None for each in fork.state.nodes.values())

    asyncio.run(scene())
