"""Pages of events cut and spaced as a subscriber wants them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from chaingraph.execution.tree_follow import TreeBatch
from chaingraph.execution.view import SeenEvent

T = TypeVar("T")


async def batched(
    pages: AsyncIterator[Sequence[SeenEvent]], size: int, pause: float
) -> AsyncGenerator[Sequence[SeenEvent]]:
    """Batches of at most `size` events, never empty.

    The first goes out at once. After a batch that was not full comes a pause, in which events
    gather for the next one; a backlog and the last event do not wait.
    """
    async with closing(pages):
        async for page in pages:
            for at in range(0, len(page), size):
                yield page[at : at + size]
            if pause and 0 < len(page) < size and not page[-1].is_last:
                await asyncio.sleep(pause)


async def spaced(
    batches: AsyncIterator[TreeBatch], size: int, pause: float
) -> AsyncGenerator[TreeBatch]:
    """The same batches, whole: only after its last event may one begin anew.

    After one with fewer than `size` events comes a pause, as with `batched`.
    """
    async with closing(batches):
        async for batch in batches:
            yield batch
            if pause and len(batch.events) < size:
                await asyncio.sleep(pause)


@asynccontextmanager
async def closing(values: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Whatever happens to the reader, a generator behind `values` has cleaned up afterwards."""
    try:
        yield values
    finally:
        if isinstance(values, AsyncGenerator):
            await values.aclose()
