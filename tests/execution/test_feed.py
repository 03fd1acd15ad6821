"""Followers share one read; a late one makes its own way and then joins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from chaingraph.engine.graph import compile_flow
from chaingraph.execution import feed as feed_module
from chaingraph.execution.principals import LOCAL
from chaingraph.execution.records import Entry
from chaingraph.execution.service import View
from chaingraph.flow.build import FlowBuilder
from chaingraph.flow.model import Flow
from chaingraph.modes import House, open_memory_house
from chaingraph.nodes import builtin_catalog


def chain(nodes: int) -> Flow:
    builder = FlowBuilder("chain", builtin_catalog(), id="chain")
    before = None
    for number in range(nodes):
        handle = builder.add("MathNode", f"m{number}", b=1, operation="add")
        if before is not None:
            builder.connect(before["result"], handle["a"])
        before = handle
    return builder.build()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_memory_house() as opened:
        yield opened


async def created(house: House, nodes: int) -> str:
    await house.service.import_flow(LOCAL, chain(nodes))
    return await house.service.create(LOCAL, "chain")


async def positions(house: House, execution_id: str, start: int = 0) -> list[int]:
    found: list[int] = []
    async for batch in house.service.follow(LOCAL, execution_id, start=start):
        found += [event.position for event in batch]
    return found


class CountingReads:
    def __init__(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        self.starts: list[int] = []
        read = house.journal.read

        async def counted(execution_id: str, start: int, limit: int) -> list[Entry]:
            entries = await read(execution_id, start, limit)
            if entries:
                self.starts.append(start)
            return entries

        monkeypatch.setattr(house.journal, "read", counted)


async def test_followers_of_one_execution_share_one_read_of_each_page(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution_id = await created(house, 20)
    async with house.working():
        await house.service.start(LOCAL, execution_id)
        await positions(house, execution_id)
    reads = CountingReads(house, monkeypatch)
    followers = [house.service.follow(LOCAL, execution_id) for _ in range(10)]
    pages = [[event.position for event in await anext(each)] for each in followers]
    assert all(page == list(range(len(page))) for page in pages)
    assert reads.starts == [0]
    for each in followers:
        await each.aclose()


async def test_a_reader_behind_the_window_gets_everything_and_so_does_the_one_in_front(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "WINDOW", 10)
    monkeypatch.setattr(feed_module, "PAGE", 7)
    execution_id = await created(house, 20)
    async with house.working():
        await house.service.start(LOCAL, execution_id)
        front = house.service.follow(LOCAL, execution_id)
        first = [event.position for event in await anext(front)]
        ahead = first + [event.position async for batch in front for event in batch]
    assert ahead == list(range(len(ahead)))
    late = house.service.follow(LOCAL, execution_id)
    begun = [event.position for event in await anext(late)]
    other = await positions(house, execution_id)
    rest = begun + [event.position async for batch in late for event in batch]
    assert rest == other == ahead


async def test_a_subscription_is_the_journal_cut_anywhere(house: House) -> None:
    execution_id = await created(house, 5)
    async with house.working():
        await house.service.start(LOCAL, execution_id)
        whole = await positions(house, execution_id)
    for cut in range(len(whole)):
        assert whole[:cut] + await positions(house, execution_id, start=cut) == whole


async def test_a_negative_start_means_the_last_events_present(house: House) -> None:
    execution_id = await created(house, 5)
    async with house.working():
        await house.service.start(LOCAL, execution_id)
        whole = await positions(house, execution_id)
    assert await positions(house, execution_id, start=-3) == whole[-3:]
    assert await positions(house, execution_id, start=-1_000) == whole


@pytest.mark.parametrize("view", ["full", "compact"])
async def test_who_begins_behind_the_end_gets_nothing_and_is_told_so(
    house: House, view: View
) -> None:
    execution_id = await created(house, 2)
    follow = house.service.follow(LOCAL, execution_id, start=1_000, view=view)

    async def behind() -> list[int | None]:
        return [event.index async for batch in follow for event in batch]

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks, house.working():
        waiting = tasks.create_task(behind())
        await house.service.start(LOCAL, execution_id)
        await positions(house, execution_id)
        await waiting
    assert [index for index in waiting.result() if index is not None] == []
    late = [e async for b in house.service.follow(LOCAL, execution_id, start=1_000) for e in b]
    assert late == []


async def test_followers_share_that_there_is_nothing_new(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution_id = await created(house, 1)
    stored = await house.journal.get(execution_id)
    assert stored is not None
    reads = 0
    read = house.journal.read

    async def counted(execution_id: str, start: int, limit: int) -> list[Entry]:
        nonlocal reads
        reads += 1
        await asyncio.sleep(0)
        return await read(execution_id, start, limit)

    monkeypatch.setattr(house.journal, "read", counted)
    graph = compile_flow(chain(1))
    with feed_module.Feeds(house.journal).following(house.bell, stored, graph) as feed:
        await feed.more()
        assert len(feed.page(0)) == 1
        waiting = [asyncio.ensure_future(feed.more()) for _ in range(50)]
        while not reads > 1:
            house.bell.ring(execution_id)
            await asyncio.sleep(0)
        assert reads == 2
        assert not any(each.done() for each in waiting)
        for each in waiting:
            each.cancel()
