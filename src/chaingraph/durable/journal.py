"""The journal in SQL: executions, their events and their inboxes, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from chaingraph.durable import tables as t
from chaingraph.durable.creation import execution_row, furnish
from chaingraph.durable.database import Database
from chaingraph.durable.deliveries import Delivery, deliver
from chaingraph.durable.dispatch import Dispatcher
from chaingraph.durable.rows import delivery_of, naive, stored
from chaingraph.durable.transitions import lock, wake
from chaingraph.durable.whole_append import WholeAppends
from chaingraph.durable.writer import GroupWriter
from chaingraph.errors import (
    ExecutionNotFound,
    Fenced,
    IdempotencyConflict,
    IllegalTransition,
    InboxMoved,
)
from chaingraph.execution.commands import Answer
from chaingraph.execution.ports import Append, NewExecution, Opened
from chaingraph.execution.records import Command, Entry, Lease, Segment, Stored

#: Snapshots never change, so those used last are kept in memory, unless they are huge.
KEPT_FLOWS = 64
KEPT_BYTES = 1024 * 1024


class SqlJournal:
    """See `execution.ports.Journal` for what each method promises."""

    def __init__(
        self,
        database: Database,
        writer: GroupWriter,
        dispatcher: Dispatcher,
        clock: Callable[[], int],
    ) -> None:
        self._database = database
        self._writer = writer
        self._dispatcher = dispatcher
        self._clock = clock
        self._whole = WholeAppends(database, dispatcher, clock)
        self._flows: dict[str, bytes] = {}

    async def create(self, new: NewExecution) -> str:
        return await self._database.write("create", lambda c: self._create(c, new))

    def _create(self, connection: Connection, new: NewExecution) -> str:
        at = self._clock()
        insert = self._database.insert_once(t.executions).returning(t.executions.c.id)
        if connection.execute(insert, execution_row(new, at)).first() is None:
            return self._known(connection, new)
        furnish(self._database, self._dispatcher, connection, [new], at)
        return new.id

    def _known(self, connection: Connection, new: NewExecution) -> str:
        """The id of the execution that this very call, or one with its key, made before."""
        e = t.executions.c
        same = (
            e.id == new.id if new.key is None else sa.or_(e.id == new.id, e.create_key == new.key)
        )
        row = connection.execute(sa.select(e.id, e.create_hash).where(same)).one()
        if new.key is not None and row.create_hash != new.input_hash:
            raise IdempotencyConflict(new.key.partition(":")[2], row.id)
        return str(row.id)

    async def get(self, execution_id: str) -> Stored | None:
        given = {"execution_id": execution_id}
        row = await self._database.read(lambda c: c.execute(_ROW, given).first())
        return stored(row) if row is not None else None

    async def open(self, execution_id: str, limit: int) -> Opened | None:
        return await self._database.read(lambda c: self._open(c, execution_id, limit))

    def _open(self, connection: Connection, execution_id: str, limit: int) -> Opened | None:
        given: dict[str, Any] = {"execution_id": execution_id}
        row = connection.execute(_ROW, given).first()
        if row is None:
            return None
        found = stored(row)
        first = {**given, "start": 0, "limit": min(limit, found.dispatch.next_position)}
        after = {**given, "after": found.dispatch.inbox_cursor}
        entries = [_entry(row) for row in connection.execute(_ENTRIES, first)]
        unread = [delivery_of(row) for row in connection.execute(_INBOX, after)]
        return Opened(found, _contiguous(entries, 0), unread)

    async def tree(self, root_id: str) -> list[Stored]:
        e = t.executions.c
        query = (
            sa.select(t.executions)
            .where(e.root_execution_id == root_id)
            .order_by(e.execution_depth, e.id)
        )
        return await self._rows(query)

    async def roots(
        self,
        flow_id: str | None,
        limit: int,
        after: datetime | None,
        owners: Collection[str] | None = None,
    ) -> list[Stored]:
        e = t.executions.c
        query = sa.select(t.executions).where(e.parent_execution_id.is_(None))
        if flow_id is not None:
            query = query.where(e.flow_id == flow_id)
        if owners is not None:
            query = query.where(e.owner_id.in_(owners))
        if after is not None:
            query = query.where(e.created_at < after.astimezone(UTC).replace(tzinfo=None))
        return await self._rows(query.order_by(e.created_at.desc(), e.id).limit(limit))

    async def _rows(self, query: sa.Select[Any]) -> list[Stored]:
        rows = await self._database.read(lambda c: c.execute(query).all())
        return [stored(row) for row in rows]

    async def heads(self, root_id: str) -> Mapping[str, int]:
        e = t.executions.c
        query = sa.select(e.id, e.next_pos).where(e.root_execution_id == root_id)
        rows = await self._database.read(lambda c: c.execute(query).all())
        return {row.id: row.next_pos for row in rows}

    async def read(self, execution_id: str, start: int, limit: int) -> list[Entry]:
        given = {"execution_id": execution_id, "start": start, "limit": limit}
        rows = await self._database.read(lambda c: c.execute(_ENTRIES, given).all())
        return _contiguous([_entry(row) for row in rows], start)

    async def flow_of(self, snapshot: str) -> bytes:
        known = self._flows.pop(snapshot, None)
        if known is None:
            query = sa.select(t.snapshots.c.data).where(t.snapshots.c.hash == snapshot)
            known = bytes(await self._database.read(lambda c: c.execute(query).scalar_one()))
        if len(known) <= KEPT_BYTES:
            self._flows[snapshot] = known  # the newest is the last
            if len(self._flows) > KEPT_FLOWS:
                del self._flows[next(iter(self._flows))]
        return known

    async def blobs(self, root_id: str, hashes: Iterable[str]) -> Mapping[str, bytes]:
        b = t.blobs.c
        query = sa.select(b.hash, b.data).where(
            b.root_execution_id == root_id, b.hash.in_(list(hashes))
        )
        rows = await self._database.read(lambda c: c.execute(query).all())
        return {row.hash: bytes(row.data) for row in rows}

    async def deliver(self, execution_id: str, command: Command) -> Answer:
        return await self._database.write(
            "deliver", lambda c: self._deliver(c, execution_id, command)
        )

    def _deliver(self, connection: Connection, execution_id: str, command: Command) -> Answer:
        found = lock(connection, execution_id)
        if found is None:
            raise ExecutionNotFound(execution_id)
        delivery = Delivery(found, [command])
        deliver(connection, self._dispatcher, [delivery], self._clock())
        answer = delivery.answers[0]
        if isinstance(answer, IllegalTransition):
            raise answer
        return answer

    async def inbox(self, execution_id: str, after: int) -> list[Command]:
        given = {"execution_id": execution_id, "after": after}
        rows = await self._database.read(lambda c: c.execute(_INBOX, given).all())
        return [delivery_of(row) for row in rows]

    async def queued(self, roots: frozenset[str], limit: int) -> list[Segment]:
        e = t.executions.c
        mine = sa.select(e.id, e.num).where(e.disp == "Q", e.root_execution_id.in_(roots))
        query = mine.order_by(e.queued_at, e.id).limit(limit)
        rows = await self._database.read(lambda c: c.execute(query).all())
        return [Segment(row.id, row.num) for row in rows]

    async def claim(self, segment: Segment, worker_id: str) -> Lease | None:
        e, w = t.executions.c, t.workers.c
        alive = sa.exists().where(w.id == worker_id, w.alive.is_(True))
        statement = (
            sa.update(t.executions)
            .where(e.id == segment.execution_id, e.num == segment.number, e.disp == "Q", alive)
            .values(
                disp="L",
                holder=worker_id,
                processing_worker_id=worker_id,
                processing_started_at=naive(self._clock()),
            )
        )
        claimed = await self._database.write("claim", lambda c: c.execute(statement).rowcount)
        return Lease(segment.execution_id, segment.number, worker_id) if claimed else None

    async def append(self, append: Append) -> None:
        writer = self._writer if append.is_plain else self._whole
        if not await writer.append(append):
            await self._explain_refusal(append)

    async def _explain_refusal(self, append: Append) -> None:
        """Zero rows moved: it is there already, a command came first, or the lease is lost."""
        lease, e = append.lease, t.executions.c
        query = sa.select(e.last_batch, e.num, e.holder, e.disp, e.inbox_seq, e.next_pos).where(
            e.id == lease.execution_id
        )
        row = await self._database.read(lambda c: c.execute(query).first())
        if row is not None and row.last_batch == append.batch_id:
            return
        mine = row is not None and (row.num, row.holder, row.disp, row.next_pos) == (
            lease.number,
            lease.worker_id,
            "L",
            append.expected,
        )
        if mine and (append.ends or append.parks):
            raise InboxMoved(lease.execution_id)
        raise Fenced(lease.execution_id, lease.number)

    async def hand_over(self, lease: Lease) -> Segment | None:
        return await self._database.write("hand-over", lambda c: self._hand_over(c, lease))

    def _hand_over(self, connection: Connection, lease: Lease) -> Segment | None:
        found = lock(connection, lease.execution_id, held_as=lease)
        if found is None:
            return None
        segment = wake(connection, found, self._clock())
        self._dispatcher.enqueue(connection, segment)
        return segment


def _entry(row: sa.Row[Any]) -> Entry:
    return Entry(row.position, row.type, row.at, bytes(row.data))


def _contiguous(entries: list[Entry], start: int) -> list[Entry]:
    """Readers get a prefix without a gap, whatever the isolation of a read was."""
    for count, entry in enumerate(entries):
        if entry.position != start + count:
            return entries[:count]
    return entries


def _row() -> sa.Select[Any]:
    return sa.select(t.executions).where(t.executions.c.id == sa.bindparam("execution_id"))


def _entries() -> sa.Select[Any]:
    j = t.journal.c
    return (
        sa.select(j.position, j.type, j.at, j.data)
        .where(j.execution_id == sa.bindparam("execution_id"), j.position >= sa.bindparam("start"))
        .order_by(j.position)
        .limit(sa.bindparam("limit", type_=sa.Integer))
    )


def _inbox() -> sa.Select[Any]:
    i = t.inbox.c
    mine = i.execution_id == sa.bindparam("execution_id")
    return sa.select(t.inbox).where(mine, i.seq > sa.bindparam("after")).order_by(i.seq)


# Made once: these are read at the beginning of every segment.
_ROW = _row()
_ENTRIES = _entries()
_INBOX = _inbox()
