"""Every event once, in order, whatever happens to connections and servers."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from urllib.parse import urlsplit

import pytest

from chaingraph.client import AsyncClient, Event, TreeBatch
from chaingraph.client.following import View
from chaingraph.client.patience import Patience
from chaingraph.errors import ServerUnreachable
from chaingraph.execution.principals import LOCAL
from chaingraph.flow.build import FlowBuilder
from chaingraph.modes import House
from tests.client.conftest import serving
from tests.client.cutting_proxy import cutting_proxy

CHAIN = 60


def port_of(address: str) -> int:
    return urlsplit(address).port or 0


async def ended(house: House, client: AsyncClient) -> tuple[str, list[Event]]:
    """An execution with some hundred events that has ended, and all of them."""
    build = FlowBuilder("chain", house.catalog, id="chain")
    for _ in range(CHAIN):
        build.add("TextNode", text="x")
    await house.service.import_flow(LOCAL, build.build())
    execution_id = (await client.run("chain")).execution_id
    return execution_id, [each async for each in client.follow(execution_id)]


async def test_positions_count_from_the_start_that_was_asked_for(client: AsyncClient) -> None:
    execution_id = (await client.run("sum")).execution_id
    every = [each async for each in client.follow(execution_id)]
    assert [each.position for each in every] == list(range(len(every)))
    assert [each async for each in client.follow(execution_id, 3)] == every[3:]
    assert [each async for each in client.follow(execution_id, -2)] == every[-2:]
    assert [each async for each in client.follow(execution_id, len(every))] == []


async def test_types_filter(client: AsyncClient) -> None:
    execution_id = (await client.run("sum")).execution_id
    types = {"node:completed", "flow:completed"}
    every = [each async for each in client.follow(execution_id)]
    wanted = [each for each in every if each.type in types]
    assert [each async for each in client.follow(execution_id, types=types)] == wanted
    assert [each async for each in client.follow(execution_id, -1, types=types)] == every[-1:]
    assert [each async for each in client.follow(execution_id, -1, types=["flow:started"])] == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("view", ["full", "compact"])
async def test_a_wire_that_is_cut_anywhere_costs_no_event(
    house: House, client: AsyncClient, url: str, view: View, seed: int
) -> None:
    execution_id, _ = await ended(house, client)
    dice = random.Random(seed)
    every = [each async for each in client.follow(execution_id, view=view)]
    async with (
        cutting_proxy(url, lambda: dice.randrange(90_000)) as (proxy, address),
        AsyncClient(address, "admin") as through,
    ):
        seen = [each async for each in through.follow(execution_id, view=view)]
    assert seen == every
    assert proxy.cuts


async def test_a_tree_comes_whole_through_a_wire_that_is_cut(
    house: House, client: AsyncClient, url: str
) -> None:
    root = (await client.run("parent")).execution_id
    sizes = iter([100, 2_000, 900, 5_000])
    seen = defaultdict(list)
    async with (
        cutting_proxy(url, lambda: next(sizes, None)) as (proxy, address),
        AsyncClient(address, "admin") as through,
    ):
        async for batch in through.follow_tree(root):
            for each in batch.events:
                seen[each.execution_id].append(each.event)
    for execution_id, events in seen.items():
        assert events == [each async for each in client.follow(execution_id)]
    assert (len(seen), proxy.cuts) == (2, 4)


async def test_a_tree_goes_on_after_a_cursor(client: AsyncClient) -> None:
    root = (await client.run("parent")).execution_id
    batches = [each async for each in client.follow_tree(root, view="compact")]
    rest = [each async for each in client.follow_tree(root, batches[0].cursor, view="compact")]
    assert [e for each in rest for e in each.events] == [
        e for each in batches[1:] for e in each.events
    ]


async def test_a_server_that_comes_back_goes_on_where_it_was(house: House) -> None:
    async with serving(house.service) as address:
        client = AsyncClient(address)
        execution_id = await client.create("asking")
        await client.start(execution_id)
        events = client.follow(execution_id)
        seen = [await anext(events)]
        while seen[-1].type != "flow:parked":
            seen.append(await anext(events))
    waiting = asyncio.create_task(anext(events))
    async with client, aclosing(events), serving(house.service, port=port_of(address)):
        await client.signal(execution_id, "approval", "yes")
        seen += [await waiting, *[each async for each in events]]
    assert [each.position for each in seen] == list(range(len(seen)))
    assert seen[-1].type == "flow:completed"


async def test_a_tree_goes_on_where_it_was_when_its_server_comes_back(house: House) -> None:
    seen: defaultdict[str, list[Event]] = defaultdict(list)

    async def next_batch(batches: AsyncGenerator[TreeBatch]) -> list[str]:
        batch = await anext(batches)
        for each in batch.events:
            seen[each.execution_id].append(each.event)
        return [each.event.type for each in batch.events]

    async with serving(house.service) as address:
        client = AsyncClient(address)
        root = await client.create("asker")
        await client.start(root)
        batches = client.follow_tree(root)
        while "node:waiting" not in await next_batch(batches) or len(seen) < 2:
            pass
        (child,) = seen.keys() - {root}
    waiting = asyncio.create_task(next_batch(batches))
    async with client, aclosing(batches), serving(house.service, port=port_of(address)):
        await client.signal(child, "approval", "yes")
        await waiting
        with pytest.raises(StopAsyncIteration):
            while True:
                await next_batch(batches)
    for events in seen.values():
        assert [each.position for each in events] == list(range(len(events)))
        assert events[-1].type == "flow:completed"


async def test_a_stream_that_is_cut_before_it_tells_anything_is_given_up(
    client: AsyncClient, url: str
) -> None:
    execution_id = await client.create("sum")
    async with (
        cutting_proxy(url, lambda: 260) as (proxy, address),
        AsyncClient(address, "admin") as through,
    ):
        with pytest.raises(ServerUnreachable):
            await anext(through.follow(execution_id, timeout=1))
    assert proxy.cuts > 1


async def test_a_server_that_stays_away_is_waited_for_no_longer_than_asked(house: House) -> None:
    async with serving(house.service) as address:
        client = AsyncClient(address, timeout=0)
        execution_id = await client.create("sum")
        events = client.follow(execution_id, timeout=0.2)
        assert (await anext(events)).type == "execution:created"
    async with client:
        with pytest.raises(ServerUnreachable, match=f"{address} cannot be reached: "):
            await anext(events)
        with pytest.raises(ServerUnreachable):
            await client.details(execution_id)


async def test_a_deaf_server_is_asked_again_with_growing_pauses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses, now = [], [100.0]

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds

    monkeypatch.setattr("chaingraph.client.patience.asyncio.sleep", sleep)
    monkeypatch.setattr("chaingraph.client.patience.time.monotonic", lambda: now[0])
    monkeypatch.setattr("chaingraph.client.patience.random.uniform", lambda low, high: high)
    patience, lost = Patience(10.0), ServerUnreachable("http://here", "lost")
    with pytest.raises(ServerUnreachable):
        while True:
            await patience.spend(lost)
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0]
    patience.renew()
    await patience.spend(lost)
    assert pauses[-1] == 0.1
