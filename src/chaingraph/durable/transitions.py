"""The moves of a locked execution row. Each is part of a transaction that somebody else began."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from chaingraph.durable import tables as t
from chaingraph.durable.rows import folded_columns, naive, stored
from chaingraph.execution.fold import Folded
from chaingraph.execution.records import Entry, Lease, Segment, Stored


def lock(
    connection: Connection, execution_id: str, *, held_as: Lease | None = None
) -> Stored | None:
    """The row, locked until the transaction ends; with `held_as` only if that lease holds.

    SQLite took its one write lock when the transaction began.
    """
    e = t.executions.c
    query = sa.select(t.executions).where(e.id == execution_id).with_for_update()
    if held_as is not None:
        query = query.where(e.num == held_as.number, e.holder == held_as.worker_id, e.disp == "L")
    row = connection.execute(query).first()
    return stored(row) if row is not None else None


def wake(connection: Connection, found: Stored, at: int) -> Segment:
    """Raise the number and mark the next segment as queued. The caller enqueues it."""
    segment = Segment(found.row.id, found.dispatch.number + 1)
    connection.execute(
        sa.update(t.executions)
        .where(t.executions.c.id == found.row.id)
        .values(disp="Q", num=segment.number, holder=None, updated_at=naive(at), queued_at=at)
    )
    return segment


def end(
    connection: Connection, found: Stored, entry: Entry, folded: Folded, *, cursor: int
) -> None:
    """Append the terminal event without holding, and end the execution."""
    connection.execute(
        sa.insert(t.journal),
        {
            "execution_id": found.row.id,
            "position": entry.position,
            "type": entry.type,
            "at": entry.at,
            "data": entry.data,
        },
    )
    connection.execute(
        sa.update(t.executions)
        .where(t.executions.c.id == found.row.id)
        .values(
            disp="D",
            num=found.dispatch.number + 1,
            holder=None,
            next_pos=entry.position + 1,
            inbox_cur=cursor,
            updated_at=naive(entry.at),
            **folded_columns(folded),
        )
    )
