"""Executions leave a database as an archive, and come into another one and go on there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from chaingraph.durable import snapshots
from chaingraph.durable import tables as t
from chaingraph.durable.archive import Archive, lines
from chaingraph.durable.database import Database
from chaingraph.durable.dispatch import Dispatcher
from chaingraph.durable.transitions import lock, wake
from chaingraph.errors import BadInput, ExecutionNotFound
from chaingraph.execution.records import Disposition, Segment

#: Rows that are read or written at a time.
PAGE = 500


async def export(database: Database, execution_id: str) -> AsyncIterator[bytes]:
    """The lines of an archive with the whole tree of this execution, as it is now.

    What comes into the journals meanwhile is left out. Raises ExecutionNotFound.
    """
    tree = await database.read(partial(_tree, execution_id=execution_id))
    if not tree:
        raise ExecutionNotFound(execution_id)
    root_id = tree[0].root_execution_id
    async for line in lines(root_id, _rows(database, root_id, tree)):
        yield line


def _tree(connection: Connection, execution_id: str) -> list[Row[Any]]:
    """All rows of the tree in one statement: they fit together."""
    e = t.executions.c
    root = sa.select(e.root_execution_id).where(e.id == execution_id).scalar_subquery()
    query = (
        sa.select(t.executions)
        .where(e.root_execution_id == root, e.flow_snapshot.is_not(None))
        .order_by(e.execution_depth, e.id)
    )
    return list(connection.execute(query).all())


async def _rows(
    database: Database, root_id: str, tree: list[Row[Any]]
) -> AsyncIterator[tuple[sa.Table, Any]]:
    hashes = sorted({row.flow_snapshot for row in tree})
    async for row in _all(database, t.snapshots, t.snapshots.c.hash.in_(hashes)):
        yield t.snapshots, row
    for row in tree:
        yield t.executions, row
    for each in tree:
        j, i, r = t.journal.c, t.inbox.c, t.recovery.c
        mine = {
            t.journal: sa.and_(j.execution_id == each.id, j.position < each.next_pos),
            t.inbox: sa.and_(i.execution_id == each.id, i.seq <= each.inbox_seq),
            t.recovery: r.execution_id == each.id,
        }
        for table, condition in mine.items():
            async for row in _all(database, table, condition):
                yield table, row
    async for row in _all(database, t.blobs, t.blobs.c.root_execution_id == root_id, page=1):
        yield t.blobs, row


async def _all(
    database: Database, table: sa.Table, condition: sa.ColumnElement[bool], page: int = PAGE
) -> AsyncIterator[Row[Any]]:
    """The rows of a table page by page, in the order of its key."""
    key = sa.tuple_(*table.primary_key.columns)
    query = sa.select(table).where(condition).order_by(*table.primary_key.columns).limit(page)
    rows = await database.read(lambda c: c.execute(query).all())
    while rows:
        for row in rows:
            yield row
        last = tuple(rows[-1]._mapping[column.name] for column in table.primary_key.columns)
        following = query.where(key > last)
        rows = await database.read(partial(_fetch, query=following))


def _fetch(connection: Connection, query: sa.Select[Any]) -> list[Row[Any]]:
    return list(connection.execute(query).all())


async def restore(
    database: Database, dispatcher: Dispatcher, archive: Archive, *, now: int
) -> list[Segment]:
    """Put a whole tree into the database, all or nothing, and queue what was not at rest.

    Raises BadInput when one of its executions is there already.
    """
    return await database.write(
        "restore", lambda c: _restore(c, database, dispatcher, archive, now)
    )


def _restore(
    connection: Connection, database: Database, dispatcher: Dispatcher, archive: Archive, now: int
) -> list[Segment]:
    ids = [row["id"] for row in archive.of(t.executions)]
    known = sa.select(t.executions.c.id).where(t.executions.c.id.in_(ids)).limit(1)
    if (found := connection.execute(known).scalar()) is not None:
        raise BadInput(f"Execution {found} is in the database already")
    for snapshot in archive.of(t.snapshots):
        snapshots.keep(database, connection, snapshot["hash"], snapshot["data"])
    for table in (t.executions, t.journal, t.inbox, t.blobs, t.recovery):
        _insert(connection, archive, table)
    queued = [_go_on(connection, dispatcher, execution_id, now) for execution_id in ids]
    return [segment for segment in queued if segment is not None]


def _insert(connection: Connection, archive: Archive, table: sa.Table) -> None:
    rows = [dict(row) for row in archive.of(table)]
    for row in rows:
        if table is t.recovery:
            del row["id"]  # counted anew
    for start in range(0, len(rows), PAGE):
        connection.execute(sa.insert(table), rows[start : start + PAGE])


def _go_on(
    connection: Connection, dispatcher: Dispatcher, execution_id: str, now: int
) -> Segment | None:
    """Queue the next segment of what was queued or held. What is parked or done stays so."""
    found = lock(connection, execution_id)
    if found is None or found.dispatch.disposition in (Disposition.PARKED, Disposition.DONE):
        return None
    segment = wake(connection, found, now)
    dispatcher.enqueue(connection, segment)
    return segment
