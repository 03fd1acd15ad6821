"""The courier of a worker: brings the ends of children to parents and tree commands to children,
and wakes what is due. Called when there is something to bring; looks by itself now and then.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from chaingraph.errors import StoreUnavailable
from chaingraph.execution.ports import Bell, Errands, PassedOn, commands_of
from chaingraph.execution.records import Segment

log = logging.getLogger(__name__)

#: Seconds between two looks when nobody calls: what is due is late by so much at most.
PATIENCE = 0.5
#: Seconds between two looks for what must not be there.
OVERLOOK_SECONDS = 10.0
#: So many of the segments that were queued at once are told of; the rest are found without.
TOLD = 8


@dataclass(slots=True)
class Courier:
    """`roots` restricts it to the trees of these executions."""

    errands: Errands
    bell: Bell
    launch: Callable[[Segment], None]
    roots: frozenset[str] | None = None
    _called: asyncio.Event = field(default_factory=asyncio.Event)

    def call(self) -> None:
        """There is something to bring."""
        self._called.set()

    async def work(self) -> None:
        """Do errands for ever."""
        overlooked_at = 0.0
        while True:
            self._called.clear()
            await self._safely(self._round)
            if time.monotonic() > overlooked_at + OVERLOOK_SECONDS:
                overlooked_at = time.monotonic()
                await self._safely(self._wake_overlooked)
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await self._called.wait()

    async def _safely(self, errand: Callable[[], Awaitable[None]]) -> None:
        """Whatever happens in one errand, the others are done: somebody waits for them."""
        try:
            await errand()
        except StoreUnavailable as error:
            log.warning("database not reachable, trying again: %s", error)
        except Exception:
            log.exception("an errand failed")

    async def _round(self) -> None:
        if await self.errands.is_any():
            await self._safely(self._cascade)
            await self._safely(self._tell_parents)
            await self._safely(self._wake_due)

    async def _cascade(self) -> None:
        self._ring(await self.errands.cascade(self.roots))

    async def _tell_parents(self) -> None:
        self._ring(await self.errands.tell_parents(self.roots))

    async def _wake_due(self) -> None:
        self._launch(await self.errands.wake_due(self.roots))

    async def _wake_overlooked(self) -> None:
        self._launch(await self.errands.wake_overlooked(self.roots))

    def _ring(self, passed_on: PassedOn) -> None:
        self._launch(passed_on.queued)
        for execution_id in passed_on.reached:
            self.bell.ring(commands_of(execution_id))
            self.bell.ring(execution_id)

    def _launch(self, segments: Sequence[Segment]) -> None:
        for segment in segments[:TOLD]:
            self.launch(segment)
