"""A stream for as long as a check passes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from time import monotonic
from typing import Final, TypeVar

from chaingraph.api.batches import closing
from chaingraph.errors import StoreUnavailable

T = TypeVar("T")
#: Seconds for which the answer of the last check holds when no other can be had.
PATIENCE: Final = 20.0
Check = Callable[[], Awaitable[None]]


async def while_passing(
    values: AsyncIterator[T],
    check: Check,
    every: float,
    now: Callable[[], float] = monotonic,
) -> AsyncGenerator[T, None]:
    """The values, until the check, made every so many seconds, raises: then that is raised.

    A check that cannot be made now, because its database is away, is made again. What comes after
    `PATIENCE` seconds without one is given only once it passes; StoreUnavailable if it cannot.
    """
    standing = _Standing(check, every, now)
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
    def __init__(self, check: Check, every: float, now: Callable[[], float]) -> None:
        self._now = now
        self._check = check
        self._every = every
        self._failure: Exception | None = None
        self._waiting: asyncio.Timeout | None = None
        self._passed = self._now()

    async def watch(self) -> None:
        while self._failure is None:
            await asyncio.sleep(self._every)
            try:
                await self._check()
                self._passed = self._now()
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
                    value = await anext(values)
                await self._check_age()
                return value
            except TimeoutError:
                if self._failure is None:
                    raise
            finally:
                self._waiting = None
        assert self._failure is not None
        raise self._failure

    async def _check_age(self) -> None:
        if self._now() - self._passed > PATIENCE + self._every:
            await self._check()
            self._passed = self._now()
