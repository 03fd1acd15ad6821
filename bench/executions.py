"""Executions through the service of this process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from chaingraph.engine.events import Event
from chaingraph.execution.principals import LOCAL
from chaingraph.execution.reading import PAGE, decode
from chaingraph.execution.records import ExecutionRow
from chaingraph.flow.model import Flow
from chaingraph.modes import House

T = TypeVar("T")
R = TypeVar("R")


async def created(house: House, flow: Flow, count: int = 1) -> list[str]:
    """So many new executions of a flow, not started."""
    await house.service.import_flow(LOCAL, flow)
    return await side_by_side(lambda _: house.service.create(LOCAL, flow.id), range(count))


async def start_all(house: House, ids: Sequence[str]) -> None:
    await side_by_side(lambda each: house.service.start(LOCAL, each), ids)


async def run(house: House, flow: Flow) -> ExecutionRow:
    """The row of a new execution of the flow, which is over."""
    [execution_id] = await created(house, flow)
    await house.service.start(LOCAL, execution_id)
    return await ended(house, execution_id)


async def ended(house: House, execution_id: str, look: float = 0.05) -> ExecutionRow:
    """The row of an execution once it is over. Reads only rows, so as not to share the work."""
    while True:
        row = await house.service.details(LOCAL, execution_id)
        if row.completed_at is not None:
            return row
        await asyncio.sleep(look)


async def events(house: House, execution_id: str) -> list[Event]:
    """The journal of an execution."""
    found: list[Event] = []
    while page := await house.journal.read(execution_id, len(found), PAGE):
        found += map(decode, page)
    return found


async def side_by_side(
    call: Callable[[T], Awaitable[R]], items: Iterable[T], width: int = 16
) -> list[R]:
    """The results of the calls, so many at a time."""
    slots = asyncio.Semaphore(width)

    async def one(item: T) -> R:
        async with slots:
            return await call(item)

    return await asyncio.gather(*map(one, items))
