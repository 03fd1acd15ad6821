"""A worker: pulls queued segments, runs them, and keeps everybody's executions going.

One object is one incarnation: a process start, or a new life after it was declared dead. Each
has its own id, so that whatever an earlier one still does is refused.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from chaingraph.errors import StoreUnavailable
from chaingraph.execution.bell import LocalBell
from chaingraph.execution.liveness import Observer
from chaingraph.execution.ports import Fleet, commands_of
from chaingraph.execution.records import Disposition, Lease, Segment, WorkerRow
from chaingraph.execution.segment import World, run_leased

log = logging.getLogger(__name__)

#: Executions whose segments were lost this often without progress in between are failed.
POISON = 5
#: A stop that the holder has not obeyed for so many milliseconds is forced.
STOP_GRACE_MS = 10_000
#: A segment that is queued longer than this is held against the dispatcher's books.
STRANDED_MS = 30_000
#: When nobody nudges it, a worker looks for queued segments after so many seconds.
PATIENCE = 1.0


def reserve(slots: int) -> int:
    """So many slots are kept for owners that run nothing: the others do not fill them."""
    return max(slots // 8, 1) if slots >= 4 else 0


@dataclass(frozen=True, slots=True)
class Rounds:
    """How often a worker looks after things, in seconds."""

    reconcile: float = 0.5
    audit: float = 1.0
    sweep: float = 10.0


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to be done every so many seconds; it may raise StoreUnavailable."""

    seconds: float
    work: Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Worker:
    """Runs segments within `slots`, adopts what dead workers left, audits its own leases.

    `only` restricts it to the trees of these root executions: it then touches no other.
    `most_running` limits what all workers together run.
    """

    me: WorkerRow
    world: World
    fleet: Fleet
    observer: Observer
    slots: int
    cancel_dispatch: Callable[[Segment], Awaitable[None]]
    only: frozenset[str] | None = None
    most_running: int | None = None
    rounds: Rounds = field(default_factory=Rounds)
    chores: tuple[Chore, ...] = ()
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    #: set when this life was declared dead: its leases are lost, so there is nothing to drain
    is_lost: bool = False
    #: execution id -> the number under which it runs here
    _running: dict[str, int] = field(default_factory=dict)
    _suspects: frozenset[Lease] = frozenset()
    #: with `only`: the executions of these trees that were met
    _relatives: frozenset[str] = frozenset()
    _leaving: bool = False
    _nudged: asyncio.Event = field(default_factory=asyncio.Event)
    #: rings for each execution whose segment is over here
    _over: LocalBell = field(default_factory=LocalBell)

    async def live(self) -> None:
        """Work until cancelled. Then bodies get their grace, and the rest goes to the others."""
        await self.fleet.join(self.me)
        self.ready.set()
        async with asyncio.TaskGroup() as segments:
            try:
                await self._work(segments)
            finally:
                self._leaving = True
                if not self.is_lost:
                    await self._drain()
                await self._leave()

    def offer(self, segment: Segment) -> bool:
        """Look for queued segments now. Returns whether this one may be taken here."""
        self._nudged.set()
        free = len(self._running) < self.slots and not self._leaving
        return free and self._may_touch(segment.execution_id)

    async def bring(self, segment: Segment) -> None:
        """Return when the segment is over, or when it is not to be had here."""
        self._nudged.set()
        with self._over.listen(segment.execution_id) as ring:
            while not self._leaving and await self._is_at_hand(segment):
                await ring.wait(PATIENCE)
                ring.clear()

    async def reconcile(self) -> None:
        """Declare the dead dead, and adopt what they held."""
        rows = await self.fleet.workers()
        self.observer.see(rows)
        for row in rows:
            if row.id != self.me.id and await self._is_dead(row):
                await self._adopt_from(row)

    async def audit(self) -> None:
        """Ring for unread commands; queue anew what is leased here and has no task; force the
        stops of all that are overdue.

        A lease may be a moment older than its task: only one that was seen before counts.
        """
        leases = await self.fleet.leases(self.me.id)
        if leases:
            for execution_id in await self.fleet.unread(self.me.id):
                self.world.bell.ring(commands_of(execution_id))
        idle = frozenset(each for each in leases if each.execution_id not in self._running)
        for lease in idle & self._suspects:
            await self._adopt(lease, "no running task")
            await self.cancel_dispatch(Segment(lease.execution_id, lease.number))
        self._suspects = idle
        if self.only is None:
            for lost in await self.fleet.force_stops(STOP_GRACE_MS):
                log.warning("stop was forced", extra={"execution_id": lost.execution_id})
                self.world.bell.ring(lost.execution_id)

    async def sweep(self) -> None:
        """Put the dispatcher's books in order: what nobody brings, what dead workers occupy."""
        if self.only is None:
            await self.fleet.sweep()
            if await self.fleet.stranded(older_than_ms=STRANDED_MS):
                self._nudged.set()

    async def _work(self, segments: asyncio.TaskGroup) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._pull(segments))
            tasks.create_task(self._every(self.rounds.reconcile, self.reconcile))
            tasks.create_task(self._every(self.rounds.audit, self.audit))
            tasks.create_task(self._every(self.rounds.sweep, self.sweep))
            for chore in self.chores:
                tasks.create_task(self._every(chore.seconds, chore.work))

    async def _pull(self, segments: asyncio.TaskGroup) -> None:
        while True:
            self._nudged.clear()
            try:
                for lease in await self._claim():
                    self._running[lease.execution_id] = lease.number
                    segments.create_task(self._run(lease), name=lease.execution_id)
            except StoreUnavailable as error:
                log.warning("database not reachable, trying again: %s", error)
            except Exception:  # a worker that claims no more would look alive for ever
                log.exception("claiming failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await self._nudged.wait()

    async def _claim(self) -> list[Lease]:
        free = self.slots - len(self._running)
        if free <= 0:
            return []
        if self.only is None:
            return await self.fleet.claim_next(
                self.me.id, free, reserve=reserve(self.slots), most_running=self.most_running
            )
        queued = await self.world.journal.queued(self.only, free)
        self._relatives |= {each.execution_id for each in queued}
        claimed = [await self.world.journal.claim(each, self.me.id) for each in queued]
        return [lease for lease in claimed if lease is not None]

    async def _run(self, lease: Lease) -> None:
        try:
            await run_leased(self.world, lease)
        except Exception:
            log.exception("segment failed", extra={"execution_id": lease.execution_id})
        finally:
            self._running.pop(lease.execution_id, None)
            self._over.ring(lease.execution_id)
            self._nudged.set()

    async def _is_at_hand(self, segment: Segment) -> bool:
        """Whether the segment runs here, or is still queued and may run here."""
        if self._running.get(segment.execution_id) == segment.number:
            return True
        if not self._may_touch(segment.execution_id):
            return False
        found = await self.world.journal.get(segment.execution_id)
        queued = (Disposition.QUEUED, segment.number)
        return found is not None and (found.dispatch.disposition, found.dispatch.number) == queued

    async def _is_dead(self, row: WorkerRow) -> bool:
        """Dead is who was declared dead; a worker whose beat moved meanwhile is not."""
        if not row.alive:
            return True
        return self.observer.is_gone(row) and await self.fleet.declare_dead(row.id, row.beat)

    async def _adopt_from(self, dead: WorkerRow) -> None:
        found = await self.fleet.leases(dead.id)
        leases = [lease for lease in found if await self._is_mine(lease.execution_id)]
        await asyncio.gather(*(self._adopt(lease, "worker is gone") for lease in leases))
        for lease in leases:  # only now: what was taken over should not wait for it
            await self.cancel_dispatch(Segment(lease.execution_id, lease.number))

    async def _adopt(self, lease: Lease, reason: str) -> None:
        segment = await self.fleet.take_over(lease, self.me.id, reason, poison=POISON)
        self.world.bell.ring(lease.execution_id)
        if segment is not None:
            log.info("execution taken over: %s", reason, extra={"execution_id": lease.execution_id})
            self.world.launch(segment)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except StoreUnavailable as error:
                log.warning("database not reachable, trying again: %s", error)
            except Exception:  # whatever it is: who stops looking after things loses them all
                log.exception("a round of the worker failed")
            await asyncio.sleep(seconds)

    async def _is_mine(self, execution_id: str) -> bool:
        """Whether a restricted worker may adopt it: it may be a relative not met before."""
        if self._may_touch(execution_id):
            return True
        found = await self.world.journal.get(execution_id)
        return found is not None and found.row.root_execution_id in (self.only or ())

    def _may_touch(self, execution_id: str) -> bool:
        return self.only is None or execution_id in self.only | self._relatives

    async def _drain(self) -> None:
        """Let what runs come to the end of its nodes, within the grace of the shutdown."""
        shutdown = self.world.shutdown
        shutdown.begun.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(shutdown.grace, shutdown.once_grace) + 1.0):
                while self._running:
                    with self._over.listen(next(iter(self._running))) as ring:
                        await ring.wait(PATIENCE)

    async def _leave(self) -> None:
        """Hand over what is still leased, and say goodbye."""
        self._over.ring_all()
        for lease in await self.fleet.leases(self.me.id):
            segment = await self.world.journal.hand_over(lease)
            if segment is not None:
                self.world.launch(segment)
        await self.fleet.leave(self.me.id)
