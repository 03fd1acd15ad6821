"""A worker that goes away lets bodies end, begins nothing new, and leaves the rest to others."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from chaingraph.engine.authoring import node
from chaingraph.engine.catalog import Catalog
from chaingraph.engine.run import Run
from chaingraph.execution.principals import LOCAL
from chaingraph.execution.records import Status
from chaingraph.flow.build import FlowBuilder
from chaingraph.flow.model import Flow
from chaingraph.modes import House, open_memory_house
from chaingraph.settings import Settings


class Bodies:
    """Two nodes in a row. The first waits until it is let go; both count their starts."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self.starts: Counter[str] = Counter()

    def catalog(self, kind: str = "effect") -> Catalog:
        @node(name="First", kind=kind)
        async def first() -> int:
            self.starts["first"] += 1
            self.begun.set()
            await self.go.wait()
            return 1

        @node(name="Second", kind="effect")
        async def second(number: int) -> int:
            self.starts["second"] += 1
            return number + 1

        return Catalog.of(first, second)

    def flow(self, catalog: Catalog) -> Flow:
        builder = FlowBuilder("two", catalog, id="two")
        builder.add("Second", "second", number=builder.add("First", "first")["result"])
        return builder.build()


@pytest.fixture
def drained(monkeypatch: pytest.MonkeyPatch) -> Iterator[asyncio.Event]:
    """Set when a run was told to drain."""
    told = asyncio.Event()
    drain = Run.drain

    def telling(run: Run, grace: float, once_grace: float) -> None:
        drain(run, grace, once_grace)
        told.set()

    monkeypatch.setattr(Run, "drain", telling)
    yield told


async def leave_while_first_runs(house: House, bodies: Bodies, flow: Flow) -> str:
    async with house.working():
        await house.service.import_flow(LOCAL, flow)
        execution_id = await house.service.create(LOCAL, flow.id)
        await house.service.start(LOCAL, execution_id)
        await bodies.begun.wait()
    return execution_id


async def finish(house: House, execution_id: str) -> Status:
    async with house.working():
        async for _ in house.service.follow(LOCAL, execution_id):
            pass
    return (await house.service.details(LOCAL, execution_id)).status


async def test_a_short_body_ends_and_no_node_runs_twice(drained: asyncio.Event) -> None:
    bodies = Bodies()
    catalog = bodies.catalog()

    async def let_go() -> None:
        await drained.wait()
        bodies.go.set()

    async with (
        open_memory_house(catalog, Settings(drain_seconds=30)) as house,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(let_go())
        execution_id = await leave_while_first_runs(house, bodies, bodies.flow(catalog))
        assert bodies.starts == {"first": 1}
        assert await finish(house, execution_id) is Status.COMPLETED
    assert bodies.starts == {"first": 1, "second": 1}


async def test_a_body_longer_than_its_grace_is_cancelled_and_runs_again() -> None:
    bodies = Bodies()
    catalog = bodies.catalog()
    async with open_memory_house(catalog, Settings(drain_seconds=0)) as house:
        execution_id = await leave_while_first_runs(house, bodies, bodies.flow(catalog))
        bodies.go.set()
        assert await finish(house, execution_id) is Status.COMPLETED
    assert bodies.starts == {"first": 2, "second": 1}


async def test_the_body_of_a_once_node_is_waited_for_longer(drained: asyncio.Event) -> None:
    bodies = Bodies()
    catalog = bodies.catalog(kind="once")

    async def let_go() -> None:
        await drained.wait()
        await asyncio.sleep(0)
        bodies.go.set()

    settings = Settings(drain_seconds=0, drain_once_seconds=30)
    async with open_memory_house(catalog, settings) as house, asyncio.TaskGroup() as tasks:
        tasks.create_task(let_go())
        execution_id = await leave_while_first_runs(house, bodies, bodies.flow(catalog))
        assert await finish(house, execution_id) is Status.COMPLETED
    assert bodies.starts == {"first": 1, "second": 1}
