"""The hot path on SQLite: one fenced transaction that appends for many executions at once.

Each member is a compare-and-set on its lease and its next position; a member that is refused
neither rolls back nor delays the others. The driver is used directly: at this rate a query
builder costs more than the database.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from chaingraph.durable.rows import naive
from chaingraph.execution.boundary import reached
from chaingraph.execution.ports import Append
from chaingraph.execution.records import Entry

_FENCE = "id = ? AND num = ? AND holder = ? AND disp = 'L' AND next_pos = ?"

_APPEND = f"""
UPDATE chaingraph_executions
SET next_pos = next_pos + ?, inbox_cur = ?, last_batch = ?, updated_at = ?,
    failure_count = CASE WHEN ? THEN 0 ELSE failure_count END
WHERE {_FENCE}"""

_APPEND_FOLDED = f"""
UPDATE chaingraph_executions
SET next_pos = next_pos + ?, inbox_cur = ?, last_batch = ?, updated_at = ?,
    failure_count = CASE WHEN ? THEN 0 ELSE failure_count END,
    status = ?, started_at = ?, completed_at = ?, error_message = ?, error_node_id = ?
WHERE {_FENCE}"""

_END = f"""
UPDATE chaingraph_executions
SET next_pos = next_pos + ?, inbox_cur = ?, last_batch = ?, updated_at = ?,
    failure_count = CASE WHEN ? THEN 0 ELSE failure_count END,
    status = ?, started_at = ?, completed_at = ?, error_message = ?, error_node_id = ?,
    disp = 'D', num = num + 1, holder = NULL, parent_told = parent_execution_id IS NULL
WHERE {_FENCE} AND inbox_seq = ?"""

_ENTRIES = "INSERT INTO chaingraph_journal (execution_id, position, type, at, data) VALUES "
_ROW = "(?,?,?,?,?)"
#: Entries of one INSERT. Every statement gives the interpreter lock away and has to win it back
#: from the event loop: 10,000 single rows took 9 s beside a busy loop, in rows of 500 0.1 s.
_ROWS_AT_ONCE = 500
_BLOBS = "INSERT OR IGNORE INTO chaingraph_blobs (root_execution_id, hash, data) VALUES (?,?,?)"


def append_sqlite(connection: sqlite3.Connection, members: Sequence[Append], now: int) -> set[str]:
    """Append in one transaction; returns the batch ids that were accepted."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        accepted = {each.batch_id for each in members if _append_one(connection, each, now)}
        reached("append:before")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    reached("append:after")
    return accepted


def _append_one(connection: sqlite3.Connection, append: Append, now: int) -> bool:
    cursor = connection.execute(*_update(append, now))
    if cursor.rowcount == 0:
        return False
    for start in range(0, len(append.entries), _ROWS_AT_ONCE):
        _insert_entries(connection, append, append.entries[start : start + _ROWS_AT_ONCE])
    if append.blobs:
        root = append.root_execution_id
        connection.executemany(_BLOBS, [(root, b.hash, b.data) for b in append.blobs])
    return True


def _insert_entries(
    connection: sqlite3.Connection, append: Append, entries: Sequence[Entry]
) -> None:
    execution_id = append.lease.execution_id
    rows = ",".join([_ROW] * len(entries))
    values = [x for e in entries for x in (execution_id, e.position, e.type, e.at, e.data)]
    connection.execute(_ENTRIES + rows, values)


def _update(append: Append, now: int) -> tuple[str, tuple[Any, ...]]:
    lease, folded = append.lease, append.folded
    moved = (
        len(append.entries),
        append.cursor,
        append.batch_id,
        _text(now),
        append.progress,
    )
    fence = (lease.execution_id, lease.number, lease.worker_id, append.expected)
    if folded is None:
        return _APPEND, (*moved, *fence)
    state = (
        folded.status.value,
        _text(folded.started_at),
        _text(folded.completed_at),
        folded.error_message,
        folded.error_node_id,
    )
    if append.ends:
        return _END, (*moved, *state, *fence, append.seen)
    return _APPEND_FOLDED, (*moved, *state, *fence)


def _text(at: int | None) -> str | None:
    """A time as SQLAlchemy stores it in SQLite."""
    time = naive(at)
    return None if time is None else time.isoformat(" ", "microseconds")
