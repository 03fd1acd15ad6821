"""A worker: runs segments, and keeps everybody's executions going.

One object is one incarnation: a process start, or a new life after it was declared dead. Each
has its own id, so that whatever an earlier one still does is refused.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from chaingraph.errors import StoreUnavailable
from chaingraph.execution.liveness import Observer
from chaingraph.execution.ports import Fleet, commands_of
from chaingraph.execution.records import Disposition, Lease, Segment, WorkerRow
from chaingraph.execution.segment import World, run_segment

log = logging.getLogger(__name__)

#: Executions whose segments were lost this often without progress in between are failed.
POISON = 5


@dataclass(frozen=True, slots=True)
class Rounds:
    """How often a worker looks after things, in seconds."""

    reconcile: float = 1.0
    audit: float = 2.0
    inbox: float = 1.0


@dataclass(slots=True)
class Worker:
    """Runs segments within `slots`, adopts what dead workers left, audits its own leases.

    `only` restricts it to single executions: it then touches no other.
    """

    me: WorkerRow
    world: World
    fleet: Fleet
    observer: Observer
    slots: int
    cancel_dispatch: Callable[[Segment], Awaitable[None]]
    only: frozenset[str] | None = None
    rounds: Rounds = field(default_factory=Rounds)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    _running: set[str] = field(default_factory=set)
    _offers: asyncio.Queue[tuple[Segment, asyncio.Future[None] | None]] = field(
        default_factory=asyncio.Queue
    )
    _free: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.slots)

    async def live(self) -> None:
        """Work until cancelled. Then running segments are handed over to whoever is next."""
        await self.fleet.join(self.me)
        self.ready.set()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._serve(tasks))
                tasks.create_task(self._every(self.rounds.reconcile, self.reconcile))
                tasks.create_task(self._every(self.rounds.audit, self.audit))
                tasks.create_task(self._every(self.rounds.inbox, self._ring_unread))
        finally:
            await self._leave()

    def offer(self, segment: Segment) -> bool:
        """Run a segment that was queued just now, if there is a free slot.

        Returns whether it was taken; if not, it stays queued.
        """
        if not self._may_touch(segment.execution_id) or self._free.locked():
            return False
        self._offers.put_nowait((segment, None))
        return True

    async def bring(self, segment: Segment) -> None:
        """Run a segment and return when it is over, or when this worker is."""
        if self._may_touch(segment.execution_id):
            over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._offers.put_nowait((segment, over))
            await over

    async def _serve(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            segment, over = await self._offers.get()
            tasks.create_task(self._run(segment, over), name=segment.workflow_id)

    async def _run(self, segment: Segment, over: asyncio.Future[None] | None) -> None:
        execution_id = segment.execution_id
        try:
            async with self._free:
                if execution_id not in self._running:
                    self._running.add(execution_id)
                    try:
                        await run_segment(self.world, segment, self.me.id)
                    finally:
                        self._running.discard(execution_id)
        except Exception:
            log.exception("segment failed", extra={"execution_id": execution_id})
        finally:
            if over is not None and not over.done():
                over.set_result(None)

    async def reconcile(self) -> None:
        """Declare the dead dead, adopt what they held, and queue anew what no one will bring."""
        rows = await self.fleet.workers()
        self.observer.see(rows)
        for row in rows:
            if row.id == self.me.id:
                continue
            if await self._is_dead(row):
                await self._adopt_from(row)
        for segment in await self._unclaimed():
            self.offer(segment)

    async def _unclaimed(self) -> list[Segment]:
        """What is queued and will be brought by nobody; a restricted worker is brought nothing."""
        if self.only is None:
            return await self.fleet.stranded()
        found = [await self.world.journal.get(execution_id) for execution_id in self.only]
        return [
            Segment(each.row.id, each.dispatch.number)
            for each in found
            if each is not None and each.dispatch.disposition is Disposition.QUEUED
        ]

    async def _is_dead(self, row: WorkerRow) -> bool:
        """Dead is who was declared dead; a worker whose beat moved meanwhile is not."""
        if not row.alive:
            return True
        return self.observer.is_gone(row) and await self.fleet.declare_dead(row.id, row.beat)

    async def audit(self) -> None:
        """Queue anew what is leased to this worker without a task of it."""
        for lease in await self.fleet.leases(self.me.id):
            if lease.execution_id not in self._running:
                await self._adopt(lease, "no running task")

    async def _adopt_from(self, dead: WorkerRow) -> None:
        for lease in await self.fleet.leases(dead.id):
            if self._may_touch(lease.execution_id):
                await self._adopt(lease, "worker is gone")

    async def _adopt(self, lease: Lease, reason: str) -> None:
        segment = await self.fleet.take_over(lease, self.me.id, reason, poison=POISON)
        await self.cancel_dispatch(Segment(lease.execution_id, lease.number))
        self.world.bell.ring(lease.execution_id)
        if segment is not None:
            log.info("execution taken over: %s", reason, extra={"execution_id": lease.execution_id})
            self.offer(segment)

    async def _ring_unread(self) -> None:
        for execution_id in await self.fleet.unread(self.me.id):
            self.world.bell.ring(commands_of(execution_id))

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except StoreUnavailable as error:
                log.warning("database not reachable, trying again: %s", error)
            await asyncio.sleep(seconds)

    def _may_touch(self, execution_id: str) -> bool:
        return self.only is None or execution_id in self.only

    async def _leave(self) -> None:
        """Hand over what is still leased, and say goodbye."""
        while not self._offers.empty():
            _, over = self._offers.get_nowait()
            if over is not None and not over.done():
                over.set_result(None)
        for lease in await self.fleet.leases(self.me.id):
            await self.world.journal.hand_over(lease)
        await self.fleet.leave(self.me.id)
