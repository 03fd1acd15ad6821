"""One stream over a tree: every event once, whatever is cut, lost or stopped."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaingraph.engine.events import EventType
from chaingraph.errors import BadInput, ExecutionNotFound, StoreUnavailable
from chaingraph.execution import news, tree_follow
from chaingraph.execution.principals import LOCAL
from chaingraph.execution.tree_cursor import Place, write_cursor
from chaingraph.execution.tree_follow import TreeBatch, TreeEvent, follow_tree
from chaingraph.flow.build import FlowBuilder
from chaingraph.modes import open_memory_house
from chaingraph.nodes import builtin_catalog
from tests.execution.forest import ROOT, Forest, graph_of

View = Literal["full", "compact"]

Step = tuple[str, int, bool]

WRITES = ("note", "start", "complete", "many", "spawn", "end")
#: what is written by whom, and whether it rings; or a read, and whether it is cut off after it
STEPS = st.lists(
    st.tuples(st.sampled_from((*WRITES, "read", "read")), st.integers(0, 5), st.booleans()),
    max_size=60,
)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of a few events, and looks that wait for nothing."""
    monkeypatch.setattr(tree_follow, "BATCH", 3)
    monkeypatch.setattr(tree_follow, "TURN", 2)
    monkeypatch.setattr(tree_follow, "FEW", 1)
    monkeypatch.setattr(news, "PATIENCE", 0.0)


def followed(
    forest: Forest,
    cursor: str | None = None,
    *,
    view: View = "compact",
    types: Iterable[str] = (),
    root_id: str = ROOT,
) -> AsyncGenerator[TreeBatch, None]:
    return follow_tree(
        forest,
        forest.bell,
        forest.stored_of(root_id),
        graph_of,
        cursor=cursor,
        view=view,
        types=frozenset(types),
    )


def journalled(events: Iterable[TreeEvent]) -> Iterator[TreeEvent]:
    """Without what opens a compact view."""
    return (each for each in events if each.event.index is not None)


def positions(events: Iterable[TreeEvent]) -> dict[str, list[int]]:
    found: defaultdict[str, list[int]] = defaultdict(list)
    for each in journalled(events):
        found[each.execution_id].append(each.event.position)
    return dict(found)


async def whole(batches: AsyncIterator[TreeBatch]) -> list[TreeEvent]:
    return [event async for batch in batches for event in batch.events]


class Reader:
    """Reads a tree batch by batch, and goes on with its last cursor after every cut."""

    def __init__(self, forest: Forest, view: View) -> None:
        self._forest = forest
        self._view = view
        self._batches = followed(forest, view=view)
        self.cursor = ""
        self.events: list[TreeEvent] = []

    async def read(self, *, cut: bool) -> bool:
        """One batch; False when there is none left."""
        batch = await anext(self._batches, None)
        if batch is not None:
            assert len(batch.events) <= 2 * tree_follow.BATCH
            self.cursor = batch.cursor
            self.events += batch.events
            if cut:
                self._batches = followed(self._forest, self.cursor, view=self._view)
        return batch is not None

    @property
    def is_behind(self) -> bool:
        return sum(map(len, positions(self.events).values())) < self._forest.size


def write(forest: Forest, what: str, execution_id: str, rings: bool) -> None:
    if what == "end":
        forest.end(execution_id, rings=rings)
    elif what == "spawn":
        forest.spawn(execution_id, rings=rings)
    elif what == "start":
        forest.write(execution_id, EventType.NODE_STARTED, {"nodeId": "a"}, rings=rings)
    elif what == "complete":
        data = {"nodeId": "a", "values": {"text": f"{len(forest.written[execution_id])}"}}
        forest.write(execution_id, EventType.NODE_COMPLETED, data, rings=rings)
    else:
        for _ in range(7 if what == "many" else 1):
            forest.write(execution_id, rings=rings)


async def played(steps: list[Step], view: View) -> tuple[Forest, Reader]:
    """Who writes and who reads take turns; in the end everything has ended and was read."""
    forest = Forest()
    reader = Reader(forest, view)
    async with asyncio.timeout(10):
        await take_turns(forest, reader, steps)
    return forest, reader


async def take_turns(forest: Forest, reader: Reader, steps: list[Step]) -> None:
    for what, number, flag in steps:
        if what == "read":
            if reader.is_behind:
                await reader.read(cut=flag)
        elif forest.running:
            write(forest, what, forest.running[number % len(forest.running)], flag)
    for each in tuple(forest.running):
        forest.end(each, rings=False)
    cuts = bool(steps) and steps[-1][2]
    while await reader.read(cut=cuts):
        pass


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("view", ["full", "compact"])
def test_whatever_is_cut_and_lost_every_event_comes_once_and_in_its_order(view: View) -> None:
    @settings(max_examples=150, deadline=None)
    @given(STEPS)
    def holds(steps: list[Step]) -> None:
        forest, reader = asyncio.run(played(steps, view))
        assert positions(reader.events) == forest.positions
        known = {ROOT}
        for each in reader.events:
            assert each.execution_id in known
            if each.event.type == EventType.CHILD_SPAWNED:
                known.add(each.event.data["executionId"])

    holds()


@pytest.mark.usefixtures("small")
async def test_a_cut_does_not_show_in_the_full_form() -> None:
    forest = Forest()
    for execution_id in (forest.spawn(ROOT), ROOT):
        for what in ("note", "start", "note", "complete", "note", "start", "complete", "end"):
            write(forest, what, execution_id, True)
    reader = Reader(forest, "full")
    while await reader.read(cut=True):
        pass
    uncut = await whole(followed(forest, view="full"))

    def by_place(each: TreeEvent) -> tuple[str, int]:
        return each.execution_id, each.event.position

    assert sorted(reader.events, key=by_place) == sorted(uncut, key=by_place)


async def test_the_tree_of_one_execution_is_what_its_own_followers_see() -> None:
    async with open_memory_house() as house:
        builder = FlowBuilder("two", builtin_catalog(), id="two")
        first = builder.add("MathNode", "a", a=1, b=1, operation="add")
        second = builder.add("MathNode", "b", b=1, operation="add")
        builder.connect(first["result"], second["a"])
        await house.service.import_flow(LOCAL, builder.build())
        execution_id = await house.service.create(LOCAL, "two")
        async with house.working():
            await house.service.start(LOCAL, execution_id)
            alone = [e async for b in house.service.follow(LOCAL, execution_id) for e in b]
        stored = await house.journal.get(execution_id)
        assert stored is not None
        events = await whole(follow_tree(house.journal, house.bell, stored, graph_of))
        assert [each.event for each in events] == alone


async def test_a_long_journal_is_read_in_bounded_batches_and_never_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(news, "PATIENCE", 1_000.0)
    monkeypatch.setattr(tree_follow, "BATCH", 10)
    forest = Forest()
    for _ in range(95):
        forest.write(ROOT)
    forest.end(ROOT)
    async with asyncio.timeout(20):
        sizes = [len(list(journalled(batch.events))) async for batch in followed(forest)]
    assert sizes == [10] * 9 + [7]


async def test_children_outlive_a_parent_that_was_stopped() -> None:
    forest = Forest()
    child = forest.spawn(ROOT)
    grandchild = forest.spawn(child)
    forest.end(ROOT)
    forest.end(child)
    first = await anext(followed(forest))
    forest.end(grandchild)
    rest = await whole(followed(forest, first.cursor))
    assert positions(rest) == {grandchild: [1]}


async def test_the_end_stays_the_end() -> None:
    forest = Forest()
    forest.end(ROOT)
    last = [batch async for batch in followed(forest)][-1]
    assert await whole(followed(forest, last.cursor)) == []


async def test_a_branch_of_a_tree_is_followed_alone() -> None:
    forest = Forest()
    left, right = forest.spawn(ROOT), forest.spawn(ROOT)
    below = forest.spawn(left)
    for each in (left, below):
        forest.end(each)
    events = await whole(followed(forest, root_id=left))
    assert positions(events) == {left: [0, 1, 2], below: [0, 1]}
    assert right in forest.running


async def test_children_of_another_tree_in_the_journal_of_a_fork_are_not_followed() -> None:
    forest = Forest()
    stranger = forest.spawn(ROOT)
    forest.add("EXfork")
    spawned = {"executionId": stranger, "nodeId": "a", "flowId": "flow"}
    forest.write("EXfork", EventType.CHILD_SPAWNED, spawned)
    forest.end("EXfork")
    events = await whole(followed(forest, root_id="EXfork"))
    assert positions(events) == {"EXfork": [0, 1, 2]}


async def test_a_filter_hides_events_and_still_finds_children() -> None:
    forest = Forest()
    child = forest.spawn(ROOT)
    for each in (child, ROOT):
        forest.end(each)
    events = await whole(followed(forest, view="full", types=["flow:cancelled"]))
    assert positions(events) == {ROOT: [2], child: [1]}


@pytest.mark.usefixtures("small")
async def test_the_compact_form_brings_the_flow_before_the_first_events_of_an_execution() -> None:
    forest = Forest()
    children = [forest.spawn(ROOT) for _ in range(5)]
    quiet = forest.spawn(ROOT)
    for each in (*children, quiet, ROOT):
        write(forest, "many", each, True)
    for each in (*children, ROOT):
        forest.write(each, EventType.NODE_STARTED, {"nodeId": "a"})
    for each in (*children, quiet, ROOT):
        forest.end(each)
    events = await whole(followed(forest, types=["node:started"]))
    types: defaultdict[str, list[str]] = defaultdict(list)
    for each_ in events:
        types[each_.execution_id].append(each_.event.type)
    assert types == {each: ["flow:snapshot", "node:started"] for each in (ROOT, *children)}


async def test_a_reader_waits_for_rings_and_not_for_the_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(news, "PATIENCE", 1_000.0)
    forest = Forest()
    child = forest.spawn(ROOT)
    async with asyncio.timeout(20), aclosing(followed(forest)) as batches:
        await anext(batches)
        for execution_id in (child, ROOT, child):
            waiting = asyncio.ensure_future(anext(batches))
            await asyncio.sleep(0)
            assert not waiting.done()
            reads = forest.reads
            forest.write(execution_id)
            assert list(positions((await waiting).events)) == [execution_id]
            assert forest.reads == reads + 1
        assert forest.looks == 1
        forest.end(child)
        await anext(batches)
        assert list(forest.bell._rings) == [ROOT]
    assert not forest.bell._rings


@pytest.mark.usefixtures("small")
async def test_a_deleted_tree_is_told() -> None:
    forest = Forest()
    batches = followed(forest)
    await anext(batches)
    forest.delete()
    with pytest.raises(ExecutionNotFound):
        await anext(batches)


async def test_a_reader_outlives_the_absence_of_the_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forest = Forest()
    child = forest.spawn(ROOT)
    for each in (child, ROOT):
        forest.end(each)
    monkeypatch.setattr(news, "BACK_OFF", (0.0,))
    failures = 0

    def failing(name: str) -> None:
        method, calls = getattr(forest, name), 0

        async def sometimes(*args: object) -> object:
            nonlocal calls, failures
            calls += 1
            if calls % 2:
                failures += 1
                raise StoreUnavailable("away")
            return await method(*args)

        monkeypatch.setattr(forest, name, sometimes)

    for name in ("get", "heads", "read", "flow_of"):
        failing(name)
    assert positions(await whole(followed(forest, view="full"))) == forest.positions
    assert failures >= 4


async def test_a_cursor_that_names_what_is_not_there_is_refused() -> None:
    forest, other = Forest(), Forest()
    for _ in range(3):
        other.spawn(ROOT)
    cursor = (await anext(followed(other))).cursor
    forest.write(ROOT)
    with pytest.raises(BadInput, match="not there"):
        await anext(followed(forest, cursor))


@pytest.mark.parametrize("view", ["full", "compact"])
async def test_a_cursor_that_is_ahead_of_a_journal_is_refused(view: View) -> None:
    forest = Forest()
    child = Place(forest.spawn(ROOT), Place(ROOT, next=2), 1, next=1)
    reached = write_cursor(ROOT, [child])
    forest.end(child.id)
    assert await anext(followed(forest, reached, view=view))
    for ahead in ([Place(ROOT, next=3)], [replace(child, next=3)]):
        with pytest.raises(BadInput, match="not there"):
            await anext(followed(forest, write_cursor(ROOT, ahead), view=view))


async def test_a_thousand_children_in_bounded_batches_and_with_few_reads() -> None:
    forest = Forest()
    children = [forest.spawn(ROOT) for _ in range(1_000)]
    for each in children:
        for _ in range(10):
            forest.write(each)
    reader = Reader(forest, "compact")
    began = time.perf_counter()
    while reader.is_behind:
        await reader.read(cut=False)
    assert time.perf_counter() - began < 10
    assert len(reader.cursor) < 4_000
    assert forest.reads < 1_100 and forest.looks < 10
    for each in (*children, ROOT):
        forest.end(each)
    reads = forest.reads
    resumed = followed(forest, reader.cursor)
    await anext(resumed)
    assert forest.reads < reads + 100
    while await reader.read(cut=True):
        pass
    assert positions(reader.events) == forest.positions
