"""Waiting for news of one execution, for as long as there may be some."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from chaingraph.errors import ExecutionNotFound, StoreUnavailable
from chaingraph.execution.ports import Journal, Ring

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

#: A ring that got lost costs this many seconds.
PATIENCE = 1.0
#: After so many waits without news a reader looks whether its execution is still there.
LOOK_EVERY = 5
#: Seconds between the tries of a reader whose store is away; the last one is repeated.
BACK_OFF = (0.1, 0.3, 1.0, 2.0)


class News:
    """One reader's ring at the bell, and its reads of one execution."""

    def __init__(self, journal: Journal, ring: Ring, execution_id: str) -> None:
        self._journal = journal
        self._ring = ring
        self._id = execution_id
        self._waits = 0

    async def insist(self, read: Callable[P, Awaitable[T]], *args: P.args, **named: P.kwargs) -> T:
        """The result of a read, which sees all that rang before.

        While the store is away it is tried again, at the next ring or later: a reader outlives a
        restart of its database. It knows its position, so nothing is missed.
        """
        failures = 0
        while True:
            self._ring.clear()  # before reading: a ring during the read is kept
            try:
                return await read(*args, **named)
            except StoreUnavailable as error:
                log.info("a follower waits for the database: %s", error)
            await self._ring.wait(BACK_OFF[min(failures, len(BACK_OFF) - 1)])
            failures += 1

    def came(self) -> None:
        """There was something to read."""
        self._waits = 0

    async def wait(self, patience: float) -> None:
        """Return when there may be news. Raises ExecutionNotFound when there will be none."""
        await self._ring.wait(patience)
        self._waits += 1
        if self._waits % LOOK_EVERY:
            return
        if await self.insist(self._journal.get, self._id) is None:
            raise ExecutionNotFound(self._id)
