"""What holds for every fork, whatever the flow is, and wherever it begins."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chaingraph.engine.channel import Channel
from chaingraph.engine.state import NodeState
from chaingraph.execution.principals import LOCAL
from chaingraph.execution.records import Segment
from chaingraph.flow.build import FlowBuilder
from chaingraph.flow.model import Flow
from tests.execution.fork_bench import Bench, forked, results, start_of
from tests.laboratory import Run


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


def chosen(data: st.DataObject, plot: Plot) -> str:
    return f"n{data.draw(st.integers(0, len(plot.sources) - 1))}"


def same(one: NodeState, other: NodeState) -> bool:
    return replace(one, values=plain(one)) == replace(other, values=plain(other))


def plain(state: NodeState) -> dict[str, Any]:
    return {k: v.items if isinstance(v, Channel) else v for k, v in state.values.items()}


def not_begun_again(fork: Run) -> Collection[str]:
    """The nodes that were taken over; none of them was begun after the start."""
    before, after = fork.events[1 : start_of(fork)], fork.events[start_of(fork) :]
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
        point = chosen(data, plot)
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
        points = [chosen(data, plot)] if data.draw(st.booleans()) else []
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
