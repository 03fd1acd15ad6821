"""Following over connections that break: neither gap nor duplicate, whatever happens to them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing
from typing import Any, Literal, TypeAlias

from chaingraph.client.connection import Connection
from chaingraph.client.patience import Patience
from chaingraph.client.reading import read_event, read_tree_batch
from chaingraph.client.records import Event, TreeBatch
from chaingraph.client.refusals import PASSING

View: TypeAlias = Literal["full", "compact"]


async def follow(
    connection: Connection,
    patience: Patience,
    execution_id: str,
    *,
    start: int,
    view: View,
    types: Collection[str],
) -> AsyncGenerator[Event]:
    """The events from position `start` on, until the last one."""
    if start < 0 and types:
        # Of which events these are the last is decided once, and not by the ones that are shown.
        start = await _first(connection, patience, execution_id, start)
    position, has_snapshot = start, False

    def connect() -> AsyncGenerator[Any]:
        return connection.subscribe(
            "subscribeToExecutionEvents",
            patience,
            executionId=execution_id,
            fromIndex=position,
            eventTypes=sorted(types),
            view=view,
        )

    async with aclosing(_over_and_over(connect, patience)) as batches:
        async for batch in batches:
            for event in map(read_event, batch):
                if event.index is None and has_snapshot:
                    continue
                if event.index is None:
                    has_snapshot = True
                else:
                    position = event.position + 1
                yield event
                if event.is_last:
                    return


async def follow_tree(
    connection: Connection,
    patience: Patience,
    execution_id: str,
    *,
    cursor: str | None,
    view: View,
    types: Collection[str],
) -> AsyncGenerator[TreeBatch]:
    """The events of a tree from `cursor` on, until all of it has ended."""

    def connect() -> AsyncGenerator[Any]:
        return connection.subscribe(
            "subscribeToTreeEvents",
            patience,
            executionId=execution_id,
            cursor=cursor,
            eventTypes=sorted(types),
            view=view,
        )

    async with aclosing(_over_and_over(connect, patience)) as batches:
        async for given in batches:
            batch = read_tree_batch(given)
            cursor = batch.cursor
            yield batch


async def _over_and_over(
    connect: Callable[[], AsyncGenerator[Any]], patience: Patience
) -> AsyncGenerator[Any]:
    """The values of one connection after the other, until one ends as it should."""
    while True:
        try:
            async with aclosing(connect()) as values:
                async for value in values:
                    yield value
            return
        except PASSING as error:
            await patience.spend(error)


async def _first(connection: Connection, patience: Patience, execution_id: str, start: int) -> int:
    """The position of the event that is the first of the last so many."""
    batch = follow(connection, patience, execution_id, start=start, view="full", types=())
    async with aclosing(batch) as events:
        return (await anext(events)).position
