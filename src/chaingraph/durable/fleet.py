"""The workers and their leases in SQL. See `execution.ports.Fleet` for the promises."""

from __future__ import annotations

import time
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from chaingraph import metrics
from chaingraph.durable import fleet_statements as ask
from chaingraph.durable import tables as t
from chaingraph.durable.database import Database
from chaingraph.durable.dispatch import Dispatcher
from chaingraph.durable.rows import folded_of, naive
from chaingraph.durable.transitions import end, lock, wake
from chaingraph.durable.turns import next_for
from chaingraph.execution import endings
from chaingraph.execution.records import (
    Command,
    CommandKind,
    Disposition,
    Lease,
    Segment,
    Stored,
    WorkerRow,
)

#: Dead workers are remembered for so many seconds: a claim may just be on its way.
BURIED_SECONDS = 86_400.0
#: So many of the oldest queued segments are looked at in one scan.
SCANNED = 1_000


class SqlFleet:
    def __init__(
        self, database: Database, dispatcher: Dispatcher, clock: Callable[[], int]
    ) -> None:
        self._database = database
        self._dispatcher = dispatcher
        self._clock = clock

    async def join(self, worker: WorkerRow) -> None:
        row = {
            "id": worker.id,
            "host": worker.host,
            "pid": worker.pid,
            "started_at": worker.started_at,
            "beat": worker.beat,
            "alive": True,
        }
        await self._database.write("join", lambda c: _join(c, row))

    async def leave(self, worker_id: str) -> None:
        # The row stays: a claim that was on its way may come through after this.
        statement = sa.update(t.workers).where(t.workers.c.id == worker_id).values(alive=False)
        await self._database.write("leave", lambda c: c.execute(statement).rowcount)

    async def beat(self, worker_id: str) -> bool:
        return bool(await self._database.write("beat", lambda c: beat(c, worker_id)))

    async def workers(self) -> list[WorkerRow]:
        rows = await self._database.read(lambda c: c.execute(ask.WORKERS).all())
        return [WorkerRow(r.id, r.host, r.pid, r.started_at, r.beat, r.alive) for r in rows]

    async def declare_dead(self, worker_id: str, beat: int) -> bool:
        w = t.workers.c
        statement = (
            sa.update(t.workers)
            .where(w.id == worker_id, w.beat == beat, w.alive.is_(True))
            .values(alive=False)
        )
        found = await self._database.write("declare-dead", lambda c: c.execute(statement).rowcount)
        return bool(found)

    async def claim_next(
        self, worker_id: str, limit: int, *, reserve: int = 0, most_running: int | None = None
    ) -> list[Lease]:
        at = self._clock()
        urgent = await self._database.read(
            lambda c: next_for(c, worker_id, limit, at, reserve=reserve, most_running=most_running)
        )
        if not urgent:
            return []
        return await self._database.write("claim", lambda c: self._claim(c, urgent, worker_id))

    def _claim(self, connection: Connection, ids: list[str], worker_id: str) -> list[Lease]:
        """Of these, what is still queued and nobody else is just claiming."""
        given = {"ids": ids, "worker_id": worker_id, "began_at": naive(self._clock())}
        rows = connection.execute(ask.CLAIM, given).all()
        return [Lease(row.id, row.num, worker_id) for row in rows]

    async def force_stops(self, grace_ms: int) -> list[Lease]:
        late = self._clock() - grace_ms
        leases = await self._database.read(lambda c: _told_to_stop(c, late))
        forced = [await self._force_stop(lease, late) for lease in leases]
        return [lease for lease in forced if lease is not None]

    async def _force_stop(self, lease: Lease, late: int) -> Lease | None:
        return await self._database.write("force-stop", lambda c: self._end(c, lease, late))

    def _end(self, connection: Connection, lease: Lease, late: int) -> Lease | None:
        found = lock(connection, lease.execution_id, held_as=lease)
        stop = unread_stop(connection, found, late) if found is not None else None
        if found is None or stop is None:
            return None
        position, folded = found.dispatch.next_position, folded_of(found.row)
        entry, folded = endings.cancelled(position, self._clock(), stop, folded)
        end(connection, found, entry, folded, cursor=found.dispatch.inbox_seq, stop=stop)
        return lease

    async def leases(self, worker_id: str) -> list[Lease]:
        given = {"worker_id": worker_id}
        rows = await self._database.read(lambda c: c.execute(ask.LEASES, given).all())
        return [Lease(row.id, row.num, worker_id) for row in rows]

    async def unread(self, worker_id: str) -> list[str]:
        e = t.executions.c
        query = sa.select(e.id).where(e.holder == worker_id, e.inbox_seq > e.inbox_cur)
        return list(await self._database.read(lambda c: c.execute(query).scalars().all()))

    async def take_over(self, lease: Lease, by: str, reason: str, *, poison: int) -> Segment | None:
        return await self._database.write(
            "take-over", lambda c: self._take_over(c, lease, by, reason, poison)
        )

    def _take_over(
        self, connection: Connection, lease: Lease, by: str, reason: str, poison: int
    ) -> Segment | None:
        found = lock(connection, lease.execution_id, held_as=lease)
        if found is None:
            return None
        at = self._clock()
        failures = self._count_failure(connection, found, reason, at)
        self._record(connection, found, by, reason, at)
        metrics.recoveries.labels(reason).inc()
        if failures < poison:
            segment = wake(connection, found, at)
            self._dispatcher.enqueue(connection, segment)
            return segment
        position, folded = found.dispatch.next_position, folded_of(found.row)
        entry, folded = endings.poisoned(position, at, failures, folded)
        end(connection, found, entry, folded, cursor=found.dispatch.inbox_seq)
        return None

    def _count_failure(self, connection: Connection, found: Stored, reason: str, at: int) -> int:
        failures = found.row.failure_count + 1
        connection.execute(
            sa.update(t.executions)
            .where(t.executions.c.id == found.row.id)
            .values(failure_count=failures, last_failure_reason=reason, last_failure_at=naive(at))
        )
        return failures

    def _record(self, connection: Connection, found: Stored, by: str, reason: str, at: int) -> None:
        connection.execute(
            sa.insert(t.recovery),
            {
                "execution_id": found.row.id,
                "recovered_at": naive(at),
                "recovered_by_worker": by,
                "recovery_reason": reason,
                "previous_status": found.row.status.value,
                "previous_worker_id": found.dispatch.holder,
            },
        )

    async def stranded(self, *, older_than_ms: int = 0) -> list[Segment]:
        e = t.executions.c
        late = self._clock() - older_than_ms
        oldest = sa.select(e.id, e.num).where(e.disp == "Q", e.queued_at <= late)
        query = oldest.order_by(e.queued_at).limit(SCANNED)
        rows = await self._database.read(lambda c: c.execute(query).all())
        queued = [Segment(row.id, row.num) for row in rows]
        lost = await self._dispatcher.lost(queued, await self._alive()) if queued else []
        return [again for each in lost if (again := await self._requeue(each)) is not None]

    async def sweep(self) -> int:
        await self._database.write("bury", lambda c: _bury(c, time.time() - BURIED_SECONDS))
        await self._forget_taken()
        return await self._dispatcher.sweep(await self._alive())

    async def _forget_taken(self) -> None:
        """Workers take most segments before the queue brings them: it need not bring those."""
        waiting = await self._dispatcher.waiting()
        ids = [each.execution_id for each in waiting]
        queued = await self._database.read(lambda c: _queued_of(c, ids)) if ids else set()
        taken = [each for each in waiting if each not in queued]
        if taken:
            await self._dispatcher.forget(taken)

    async def _alive(self) -> frozenset[str]:
        w = t.workers.c
        query = sa.select(w.id).where(w.alive.is_(True))
        return frozenset(await self._database.read(lambda c: c.execute(query).scalars().all()))

    async def _requeue(self, segment: Segment) -> Segment | None:
        return await self._database.write("scan", lambda c: self._queue_anew(c, segment))

    def _queue_anew(self, connection: Connection, segment: Segment) -> Segment | None:
        found = lock(connection, segment.execution_id)
        queued = (Disposition.QUEUED, segment.number)
        if found is None or (found.dispatch.disposition, found.dispatch.number) != queued:
            return None
        again = wake(connection, found, self._clock())
        self._dispatcher.enqueue(connection, again)
        metrics.scanner_findings.labels("stranded").inc()
        return again


def _queued_of(connection: Connection, ids: list[str]) -> set[Segment]:
    """The queued segments of these executions."""
    return {Segment(row.id, row.num) for row in connection.execute(ask.QUEUED, {"ids": ids})}


def _told_to_stop(connection: Connection, late: int) -> list[Lease]:
    """The leases of executions with a stop in the inbox that came before `late`."""
    rows = connection.execute(ask.TOLD_TO_STOP, {"late": late})
    return [Lease(row.id, row.num, row.holder) for row in rows]


def unread_stop(connection: Connection, found: Stored, late: int) -> Command | None:
    """The first stop in a locked execution's inbox that is not applied and came before `late`."""
    i = t.inbox.c
    query = (
        sa.select(t.inbox)
        .where(
            i.execution_id == found.row.id,
            i.seq > found.dispatch.inbox_cursor,
            i.kind == CommandKind.STOP.value,
            i.at < late,
        )
        .order_by(i.seq)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    return Command(row.command_id, CommandKind.STOP, row.caller, row.data, row.seq, row.at)


def _bury(connection: Connection, started_before: float) -> None:
    """Forget workers that are dead, hold nothing and began long ago: nobody can miss them."""
    w = t.workers.c
    holds = sa.exists().where(t.executions.c.holder == w.id)
    connection.execute(
        sa.delete(t.workers).where(w.alive.is_(False), w.started_at < started_before, ~holds)
    )


def beat(connection: Connection, worker_id: str) -> int:
    """Count one heartbeat; the number of rows that were still alive."""
    w = t.workers.c
    statement = (
        sa.update(t.workers)
        .where(w.id == worker_id, w.alive.is_(True))
        .values(beat=t.workers.c.beat + 1)
    )
    return connection.execute(statement).rowcount


def _join(connection: Connection, row: dict[str, object]) -> None:
    """Repeating a join whose answer was lost changes nothing."""
    connection.execute(sa.delete(t.workers).where(t.workers.c.id == row["id"]))
    connection.execute(sa.insert(t.workers), row)
