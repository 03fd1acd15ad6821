"""Does everything that has not ended have somebody who will wake it? Looked at from outside.

A fleet at work is never at rest, so a finding counts only when two looks, a lease apart, see the
same. Repairs are the moves that workers make: each checks again under the row's lock.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import assert_never

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from chaingraph.durable import tables as t
from chaingraph.durable.database import Database
from chaingraph.durable.dispatch import Dispatcher
from chaingraph.durable.dispatched import Dispatched, Held, dispatched
from chaingraph.durable.errand_statements import OVERLOOKED
from chaingraph.durable.fleet import SqlFleet
from chaingraph.durable.transitions import lock, wake
from chaingraph.execution.reading import decode
from chaingraph.execution.records import Disposition, Entry, Lease, Segment, Status

ME = "doctor"
#: A doctor never gives an execution up.
NEVER = 2**31


class Check(StrEnum):
    LOST_LEASE = "lost-lease"
    NOT_BROUGHT = "not-brought"
    UNREAD_COMMAND = "unread-command"
    NO_WAIT = "no-wait"
    STILL_WORKER = "still-worker"
    DEAD_EXECUTOR = "dead-executor"
    WRITE_LOCK = "write-lock"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that will not come right by itself, unless a worker looks after it."""

    check: Check
    #: an execution, a worker, a workflow or a file
    subject: str
    what: str
    #: which segment, or which beat: the same finding later has the same one
    number: int = 0
    holder: str = ""


class Doctor:
    """Examines a database and repairs what it found. Raises StoreUnavailable."""

    def __init__(
        self,
        database: Database,
        fleet: SqlFleet,
        dispatcher: Dispatcher,
        queue: Dispatched,
        clock: Callable[[], int],
    ) -> None:
        self._database = database
        self._fleet = fleet
        self._dispatcher = dispatcher
        self._queue = queue
        self._clock = clock

    async def examine(self, a_lease_later: Callable[[], Awaitable[None]]) -> list[Finding]:
        """What is wrong, seen twice; nothing is changed."""
        first = await self._look()
        if not first:
            return []
        await a_lease_later()
        seen = frozenset(await self._look())
        return [finding for finding in first if finding in seen]

    async def repair(self, finding: Finding) -> str | None:
        """Put it right and say how; None when that is not possible or not needed any more."""
        match finding.check:
            case Check.LOST_LEASE:
                lease = Lease(finding.subject, finding.number, finding.holder)
                return await self._take_over(lease)
            case Check.STILL_WORKER:
                return await self._bury(finding)
            case Check.NOT_BROUGHT:
                segment = Segment(finding.subject, finding.number)
                requeue = partial(self._queue_anew, segment=segment)
                return await self._database.write("doctor", requeue)
            case Check.UNREAD_COMMAND | Check.NO_WAIT:
                wake_up = partial(self._wake, execution_id=finding.subject)
                return await self._database.write("doctor", wake_up)
            case Check.DEAD_EXECUTOR:
                await self._queue.cancel(finding.subject)
                return "cancelled"
            case Check.WRITE_LOCK:
                return None
            case other:
                assert_never(other)

    async def _look(self) -> list[Finding]:
        held = await self._queue.held()  # before the workers: who holds one has joined before
        rows = await self._database.read(_look)
        return [*rows.findings, *await self._not_brought(rows), *_on_the_dead(rows, held)]

    async def _not_brought(self, rows: _Rows) -> list[Finding]:
        lost = await self._dispatcher.lost(rows.queued, rows.alive) if rows.queued else []
        what = "is queued, and the queue does not know it"
        return [Finding(Check.NOT_BROUGHT, each.execution_id, what, each.number) for each in lost]

    async def _take_over(self, lease: Lease) -> str | None:
        reason = "found by the doctor"
        segment = await self._fleet.take_over(lease, ME, reason, poison=NEVER)
        await self._queue.cancel(Segment(lease.execution_id, lease.number).workflow_id)
        return f"taken over, queued as segment {segment.number}" if segment is not None else None

    async def _bury(self, still: Finding) -> str | None:
        if not await self._fleet.declare_dead(still.subject, still.number):
            return None
        leases = await self._fleet.leases(still.subject)
        for lease in leases:
            await self._take_over(lease)
        return f"declared dead, {len(leases)} executions taken over"

    def _queue_anew(self, connection: Connection, segment: Segment) -> str | None:
        found = lock(connection, segment.execution_id)
        queued = (Disposition.QUEUED, segment.number)
        if found is None or (found.dispatch.disposition, found.dispatch.number) != queued:
            return None
        again = wake(connection, found, self._clock())
        self._dispatcher.enqueue(connection, again)
        return f"queued anew as segment {again.number}"

    def _wake(self, connection: Connection, execution_id: str) -> str | None:
        found = lock(connection, execution_id)
        if found is None or found.dispatch.disposition is not Disposition.PARKED:
            return None
        segment = wake(connection, found, self._clock())
        self._dispatcher.enqueue(connection, segment)
        return f"woken, queued as segment {segment.number}"


@contextmanager
def doctor(
    database: Database, fleet: SqlFleet, dispatcher: Dispatcher, clock: Callable[[], int]
) -> Iterator[Doctor]:
    """A doctor for this database."""
    with dispatched(database) as queue:
        yield Doctor(database, fleet, dispatcher, queue, clock)


@dataclass(frozen=True, slots=True)
class _Rows:
    """What one look at the tables showed."""

    findings: list[Finding]
    queued: list[Segment]
    alive: frozenset[str]


def _look(connection: Connection) -> _Rows:
    e, w = t.executions.c, t.workers.c
    workers = connection.execute(sa.select(w.id, w.beat).where(w.alive.is_(True))).all()
    still = [
        Finding(Check.STILL_WORKER, each.id, f"has stood still at beat {each.beat}", each.beat)
        for each in workers
    ]
    queued = connection.execute(sa.select(e.id, e.num).where(e.disp == "Q").order_by(e.id))
    return _Rows(
        [*_lost_leases(connection), *_unread(connection), *_waits_for_nothing(connection), *still],
        [Segment(row.id, row.num) for row in queued],
        frozenset(each.id for each in workers),
    )


def _lost_leases(connection: Connection) -> Iterator[Finding]:
    e, w = t.executions.c, t.workers.c
    alive = sa.exists().where(w.id == e.holder, w.alive.is_(True))
    query = sa.select(e.id, e.num, e.holder).where(e.disp == "L", ~alive).order_by(e.id)
    for row in connection.execute(query):
        what = f"is leased to {row.holder}, which is not alive"
        yield Finding(Check.LOST_LEASE, row.id, what, row.num, row.holder)


def _unread(connection: Connection) -> Iterator[Finding]:
    for row in connection.execute(OVERLOOKED):
        what = f"is parked over command {row.seq}, which should have woken it"
        yield Finding(Check.UNREAD_COMMAND, row.id, what, row.num)


def _waits_for_nothing(connection: Connection) -> Iterator[Finding]:
    """What was started is parked for a pause, a time, its children or a signal."""
    e, j = t.executions.c, t.journal.c
    query = (
        sa.select(e.id, e.num, j.position, j.type, j.at, j.data)
        .join_from(t.executions, t.journal, j.execution_id == e.id)
        .where(
            e.disp == "P",
            e.status == Status.RUNNING.value,
            e.wake_at.is_(None),
            e.open_children == 0,
            j.position == e.next_pos - 1,
        )
        .order_by(e.id)
    )
    for row in connection.execute(query):
        last = decode(Entry(row.position, row.type, row.at, bytes(row.data)))
        if not last.data.get("waits"):
            yield Finding(Check.NO_WAIT, row.id, "is parked and waits for nothing", row.num)


def _on_the_dead(rows: _Rows, held: list[Held]) -> Iterator[Finding]:
    for each in held:
        if each.executor_id not in rows.alive:
            what = f"occupies the queue for {each.executor_id}, which is not alive"
            yield Finding(Check.DEAD_EXECUTOR, each.workflow_id, what, holder=each.executor_id)
