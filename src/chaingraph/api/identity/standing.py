"""A stream for as long as a check passes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import TypeVar

from chaingraph.api.batches import closing
from chaingraph.errors import StoreUnavailable

T = TypeVar("T")
Check = Callable[[], Awaitable[None]]


async def while_passing(
    values: AsyncIterator[T], check: Check, every: float
) -> AsyncGenerator[T, None]:
    """The values, until the check, made every so many seconds, raises: then that is raised.

    A check that the database does not answer is made again: nothing can be read meanwhile.
    """
    standing = _Standing(check, every)
    watching = asyncio.create_task(standing.watch())
    try:
        async with closing(values):
            while True:
                try:
                    value = await standing.next_of(values)
                except StopAsyncIteration:
                    return
                yield value
    finally:
        watching.cancel()


class _Standing:
    def __init__(self, check: Check, every: float) -> None:
        self._check = check
        self._every = every
        self._failure: Exception | None = None
        self._waiting: asyncio.Timeout | None = None

    async def watch(self) -> None:
        while self._failure is None:
            await asyncio.sleep(self._every)
            try:
                await self._check()
            except StoreUnavailable:
                continue
            except Exception as error:
                self._failure = error
        if self._waiting is not None:
            self._waiting.reschedule(asyncio.get_running_loop().time())

    async def next_of(self, values: AsyncIterator[T]) -> T:
        """The next value. Raises StopAsyncIteration, or the failure as soon as there is one."""
        if self._failure is None:
            try:
                async with asyncio.timeout(None) as self._waiting:
                    return await anext(values)
            except TimeoutError:
                if self._failure is None:
                    raise
            finally:
                self._waiting = None
        assert self._failure is not None
        raise self._failure
