"""The journal in SQL: executions, their events and their inboxes, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from chaingraph.durable import snapshots
from chaingraph.durable import tables as t
from chaingraph.durable.database import Database
from chaingraph.durable.dispatch import Dispatcher
from chaingraph.durable.rows import folded_of, naive, stored
from chaingraph.durable.transitions import end, lock, wake
from chaingraph.durable.writer import GroupWriter
from chaingraph.errors import ExecutionNotFound, Fenced, IdempotencyConflict, InboxMoved
from chaingraph.execution import endings
from chaingraph.execution.commands import Answer, Effect, effect_of
from chaingraph.execution.ports import Append, NewExecution
from chaingraph.execution.records import (
    Command,
    CommandKind,
    Entry,
    Lease,
    Segment,
    Stored,
)

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
        self._flows: dict[str, bytes] = {}

    async def create(self, new: NewExecution) -> str:
        return await self._database.write("create", lambda c: self._create(c, new))

    def _create(self, connection: Connection, new: NewExecution) -> str:
        insert = self._database.insert_once(t.executions).returning(t.executions.c.id)
        if connection.execute(insert, _row_of(new)).first() is None:
            return self._known(connection, new)
        snapshots.keep(self._database, connection, new.snapshot, new.flow)
        connection.execute(sa.insert(t.journal), _entry_of(new.id, new.created))
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
        query = sa.select(t.executions).where(t.executions.c.id == execution_id)
        row = await self._database.read(lambda c: c.execute(query).first())
        return stored(row) if row is not None else None

    async def tree(self, root_id: str) -> list[Stored]:
        e = t.executions.c
        query = (
            sa.select(t.executions)
            .where(e.root_execution_id == root_id)
            .order_by(e.execution_depth, e.id)
        )
        return await self._rows(query)

    async def roots(self, flow_id: str | None, limit: int, after: datetime | None) -> list[Stored]:
        e = t.executions.c
        query = sa.select(t.executions).where(e.parent_execution_id.is_(None))
        if flow_id is not None:
            query = query.where(e.flow_id == flow_id)
        if after is not None:
            query = query.where(e.created_at < after.astimezone(UTC).replace(tzinfo=None))
        return await self._rows(query.order_by(e.created_at.desc(), e.id).limit(limit))

    async def _rows(self, query: sa.Select[Any]) -> list[Stored]:
        rows = await self._database.read(lambda c: c.execute(query).all())
        return [stored(row) for row in rows]

    async def read(self, execution_id: str, start: int, limit: int) -> list[Entry]:
        j = t.journal.c
        query = (
            sa.select(j.position, j.type, j.at, j.data)
            .where(j.execution_id == execution_id, j.position >= start)
            .order_by(j.position)
            .limit(limit)
        )
        rows = await self._database.read(lambda c: c.execute(query).all())
        entries = [Entry(position, type_, at, bytes(data)) for position, type_, at, data in rows]
        return _contiguous(entries, start)

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
        if self._was_delivered(connection, execution_id, command.id):
            return Answer(repeated=True)
        effect = effect_of(command, found)
        seq = found.dispatch.inbox_seq + 1
        at = self._clock()
        self._keep(connection, execution_id, command, seq, at)
        if effect is Effect.WAKE:
            segment = wake(connection, found, at)
            self._dispatcher.enqueue(connection, segment)
            return Answer(woke=segment.number)
        if effect is Effect.END:
            position, folded = found.dispatch.next_position, folded_of(found.row)
            entry, folded = endings.cancelled(position, at, command, folded)
            end(connection, found, entry, folded, cursor=seq)
        return Answer()

    def _was_delivered(self, connection: Connection, execution_id: str, command_id: str) -> bool:
        i = t.inbox.c
        query = sa.select(i.seq).where(i.execution_id == execution_id, i.command_id == command_id)
        return connection.execute(query).first() is not None

    def _keep(
        self, connection: Connection, execution_id: str, command: Command, seq: int, at: int
    ) -> None:
        e = t.executions
        connection.execute(sa.update(e).where(e.c.id == execution_id).values(inbox_seq=seq))
        connection.execute(
            sa.insert(t.inbox),
            {
                "execution_id": execution_id,
                "seq": seq,
                "command_id": command.id,
                "kind": command.kind.value,
                "caller": command.caller,
                "data": dict(command.data),
                "at": at,
            },
        )

    async def inbox(self, execution_id: str, after: int) -> list[Command]:
        i = t.inbox.c
        query = (
            sa.select(t.inbox).where(i.execution_id == execution_id, i.seq > after).order_by(i.seq)
        )
        rows = await self._database.read(lambda c: c.execute(query).all())
        return [
            Command(row.command_id, CommandKind(row.kind), row.caller, row.data, row.seq, row.at)
            for row in rows
        ]

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
        if not await self._writer.append(append):
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
        if mine and append.ends:
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


def _contiguous(entries: list[Entry], start: int) -> list[Entry]:
    """Readers get a prefix without a gap, whatever the isolation of a read was."""
    for count, entry in enumerate(entries):
        if entry.position != start + count:
            return entries[:count]
    return entries


def _row_of(new: NewExecution) -> dict[str, Any]:
    at = naive(new.created.at)
    return {
        "id": new.id,
        "flow_id": new.flow_id,
        "owner_id": new.owner_id,
        "root_execution_id": new.root_execution_id,
        "parent_execution_id": new.parent_execution_id,
        "status": "created",
        "created_at": at,
        "updated_at": at,
        "execution_depth": new.depth,
        "options": dict(new.options),
        "integration": dict(new.integration),
        "external_events": list(new.external_events),
        "flow_snapshot": new.snapshot,
        "disp": "P",
        "next_pos": 1,
        "create_key": new.key,
        "create_hash": new.input_hash,
    }


def _entry_of(execution_id: str, entry: Entry) -> dict[str, Any]:
    return {
        "execution_id": execution_id,
        "position": entry.position,
        "type": entry.type,
        "at": entry.at,
        "data": entry.data,
    }
