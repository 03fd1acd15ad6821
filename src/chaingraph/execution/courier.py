"""The courier of a worker: brings the ends of children to parents and tree commands to children,
and wakes what is due. Called when there is something to bring; looks by itself now and then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from chaingraph.errors import StoreUnavailable
from chaingraph.execution.ports import Bell, Errands, commands_of
from chaingraph.execution.records import Segment

log = logging.getLogger(__name__)

#: Seconds between two looks when nobody calls: what is due is late by so much at most.
PATIENCE = 0.5
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
        while True:
            try:
                await self._round()
            except StoreUnavailable as error:
                log.warning("database not reachable, trying again: %s", error)
            except Exception:  # a worker that brings nothing would let everybody wait for ever
                log.exception("an errand failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await self._called.wait()

    async def _round(self) -> None:
        self._called.clear()
        if not await self.errands.is_any():
            return
        passed_on = await self.errands.cascade(self.roots)
        self._launch(passed_on.queued)
        for execution_id in passed_on.reached:
            self.bell.ring(commands_of(execution_id))
            self.bell.ring(execution_id)
        self._launch(await self.errands.tell_parents(self.roots))
        self._launch(await self.errands.wake_due(self.roots))

    def _launch(self, segments: Sequence[Segment]) -> None:
        for segment in segments[:TOLD]:
            self.launch(segment)
