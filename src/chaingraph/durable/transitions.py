"""The moves of locked execution rows. Each is part of a transaction that somebody else began."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from chaingraph.durable import tables as t
from chaingraph.durable.rows import command_columns, entry_row, folded_columns, naive, stored
from chaingraph.execution.family import farewell
from chaingraph.execution.fold import Folded
from chaingraph.execution.records import Command, Entry, Lease, Segment, Stored


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


def lock_all(connection: Connection, ids: Sequence[str], *, waits: bool) -> list[Stored]:
    """Those of these rows that nobody else has locked, or with `waits` all; in order.

    Who waits for more than one row may keep others waiting: give it one.
    """
    e = t.executions.c
    query = (
        sa.select(t.executions)
        .where(e.id.in_(ids))
        .order_by(e.id)
        .with_for_update(skip_locked=not waits)
    )
    return [stored(row) for row in connection.execute(query)]


def wake(connection: Connection, found: Stored, at: int) -> Segment:
    """Raise the number and mark the next segment as queued. The caller enqueues it."""
    return wake_all(connection, [found], at)[0]


def wake_all(connection: Connection, found: Sequence[Stored], at: int) -> list[Segment]:
    """As `wake`, for several rows."""
    segments = [Segment(each.row.id, each.dispatch.number + 1) for each in found]
    woken = {"disp": "Q", "holder": None, "wake_at": None, "updated_at": naive(at), "queued_at": at}
    update(connection, [{"this": s.execution_id, "num": s.number, **woken} for s in segments])
    return segments


@dataclass(frozen=True, slots=True)
class End:
    """The end of a locked execution by its terminal event."""

    of: Stored
    entry: Entry
    folded: Folded
    #: the last delivery, all of which are applied by it
    cursor: int
    #: the command that ended it, if it was one
    stop: Command | None = None


def end(
    connection: Connection,
    found: Stored,
    entry: Entry,
    folded: Folded,
    *,
    cursor: int,
    stop: Command | None = None,
) -> None:
    """Append the terminal event without holding, and end the execution.

    Its parent is to be told; its open children are to stop with it.
    """
    end_all(connection, [End(found, entry, folded, cursor, stop)])


def end_all(connection: Connection, ends: Sequence[End]) -> None:
    """As `end`, for several executions."""
    if ends:
        entries = [entry_row(each.of.row.id, each.entry) for each in ends]
        connection.execute(sa.insert(t.journal), entries)
    leaving = [each for each in ends if _farewell(each) is not None]
    update(connection, [_ended(each) for each in ends])
    update(
        connection,
        [{"this": each.of.row.id, "cascade": _farewell(each)} for each in leaving],
    )


def _ended(end: End) -> dict[str, Any]:
    return {
        "this": end.of.row.id,
        "disp": "D",
        "num": end.of.dispatch.number + 1,
        "holder": None,
        "wake_at": None,
        "next_pos": end.entry.position + 1,
        "inbox_cur": end.cursor,
        "updated_at": naive(end.entry.at),
        "parent_told": end.of.row.parent_execution_id is None,
        **folded_columns(end.folded),
    }


def _farewell(end: End) -> dict[str, Any] | None:
    if not end.of.dispatch.open_children:
        return None
    command = farewell(end.of.row.id, end.folded, end.stop)
    return command_columns(command) if command is not None else None


def update(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Set these columns of the executions `this`; each row names the same ones."""
    if rows:
        mine = t.executions.c.id == sa.bindparam("this")
        connection.execute(sa.update(t.executions).where(mine), rows)
