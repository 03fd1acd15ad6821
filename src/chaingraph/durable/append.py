"""The hot path: one fenced transaction that appends for many executions at once.

Each member is a compare-and-set on its lease and its next position; a member that is refused
neither rolls back nor delays the others. These are the only statements that use the drivers
directly: at this rate a query builder costs more than the database.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import psycopg

from chaingraph.durable.rows import naive
from chaingraph.execution.boundary import reached
from chaingraph.execution.ports import Append
from chaingraph.execution.records import Entry

_FENCE = "id = ? AND num = ? AND holder = ? AND disp = 'L' AND next_pos = ?"

_SQLITE_APPEND = f"""
UPDATE chaingraph_executions
SET next_pos = next_pos + ?, inbox_cur = ?, last_batch = ?, updated_at = ?,
    failure_count = CASE WHEN ? THEN 0 ELSE failure_count END
WHERE {_FENCE}"""

_SQLITE_APPEND_FOLDED = f"""
UPDATE chaingraph_executions
SET next_pos = next_pos + ?, inbox_cur = ?, last_batch = ?, updated_at = ?,
    failure_count = CASE WHEN ? THEN 0 ELSE failure_count END,
    status = ?, started_at = ?, completed_at = ?, error_message = ?, error_node_id = ?
WHERE {_FENCE}"""

_SQLITE_END = f"""
UPDATE chaingraph_executions
SET next_pos = next_pos + ?, inbox_cur = ?, last_batch = ?, updated_at = ?,
    failure_count = CASE WHEN ? THEN 0 ELSE failure_count END,
    status = ?, started_at = ?, completed_at = ?, error_message = ?, error_node_id = ?,
    disp = 'D', num = num + 1, holder = NULL
WHERE {_FENCE} AND inbox_seq = ?"""

_SQLITE_ENTRIES = "INSERT INTO chaingraph_journal (execution_id, position, type, at, data) VALUES "
_SQLITE_ROW = "(?,?,?,?,?)"
#: Entries of one INSERT. Every statement gives the interpreter lock away and has to win it back
#: from the event loop: 10,000 single rows took 9 s beside a busy loop, in rows of 500 0.1 s.
_SQLITE_ROWS = 500
_SQLITE_BLOBS = (
    "INSERT OR IGNORE INTO chaingraph_blobs (root_execution_id, hash, data) VALUES (?,?,?)"
)


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
    cursor = connection.execute(*_sqlite_update(append, now))
    if cursor.rowcount == 0:
        return False
    for start in range(0, len(append.entries), _SQLITE_ROWS):
        _insert_entries(connection, append, append.entries[start : start + _SQLITE_ROWS])
    if append.blobs:
        root = append.root_execution_id
        connection.executemany(_SQLITE_BLOBS, [(root, b.hash, b.data) for b in append.blobs])
    return True


def _insert_entries(
    connection: sqlite3.Connection, append: Append, entries: Sequence[Entry]
) -> None:
    execution_id = append.lease.execution_id
    rows = ",".join([_SQLITE_ROW] * len(entries))
    values = [x for e in entries for x in (execution_id, e.position, e.type, e.at, e.data)]
    connection.execute(_SQLITE_ENTRIES + rows, values)


def _sqlite_update(append: Append, now: int) -> tuple[str, tuple[Any, ...]]:
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
        return _SQLITE_APPEND, (*moved, *fence)
    state = (
        folded.status.value,
        _text(folded.started_at),
        _text(folded.completed_at),
        folded.error_message,
        folded.error_node_id,
    )
    if append.ends:
        return _SQLITE_END, (*moved, *state, *fence, append.seen)
    return _SQLITE_APPEND_FOLDED, (*moved, *state, *fence)


def _text(at: int | None) -> str | None:
    """A time as SQLAlchemy stores it in SQLite."""
    time = naive(at)
    return None if time is None else time.isoformat(" ", "microseconds")


_POSTGRES_APPEND = """
WITH m AS (
  SELECT * FROM unnest(
    %(id)s::text[], %(num)s::int[], %(holder)s::text[], %(expected)s::int[], %(count)s::int[],
    %(cursor)s::int[], %(batch)s::text[], %(seen)s::int[], %(ends)s::bool[], %(folds)s::bool[],
    %(status)s::text[], %(started_at)s::timestamp[], %(completed_at)s::timestamp[],
    %(error_message)s::text[], %(error_node_id)s::text[], %(progress)s::bool[]
  ) AS m(id, num, holder, expected, count, cursor, batch, seen, ends, folds,
         status, started_at, completed_at, error_message, error_node_id, progress)
), held AS (
  SELECT e.id, m.batch FROM chaingraph_executions e JOIN m ON m.id = e.id
  WHERE e.num = m.num AND e.holder = m.holder AND e.disp = 'L' AND e.next_pos = m.expected
    AND (NOT m.ends OR e.inbox_seq = m.seen)
  ORDER BY e.id FOR UPDATE OF e {skip}
), moved AS (
  UPDATE chaingraph_executions e SET
    next_pos = e.next_pos + m.count, inbox_cur = m.cursor, last_batch = m.batch,
    updated_at = %(now)s,
    failure_count = CASE WHEN m.progress THEN 0 ELSE e.failure_count END,
    status = CASE WHEN m.folds THEN m.status ELSE e.status END,
    started_at = CASE WHEN m.folds THEN m.started_at ELSE e.started_at END,
    completed_at = CASE WHEN m.folds THEN m.completed_at ELSE e.completed_at END,
    error_message = CASE WHEN m.folds THEN m.error_message ELSE e.error_message END,
    error_node_id = CASE WHEN m.folds THEN m.error_node_id ELSE e.error_node_id END,
    disp = CASE WHEN m.ends THEN 'D' ELSE e.disp END,
    num = CASE WHEN m.ends THEN e.num + 1 ELSE e.num END,
    holder = CASE WHEN m.ends THEN NULL ELSE e.holder END
  FROM m JOIN held ON held.batch = m.batch WHERE e.id = m.id
  RETURNING e.id, m.batch
), entries AS (
  INSERT INTO chaingraph_journal (execution_id, position, type, at, data)
  SELECT moved.id, r.position, r.type, r.at, r.data FROM unnest(
    %(entry_batch)s::text[], %(position)s::int[], %(type)s::text[], %(at)s::bigint[],
    %(data)s::bytea[]) AS r(batch, position, type, at, data)
  JOIN moved ON moved.batch = r.batch
), large AS (
  INSERT INTO chaingraph_blobs (root_execution_id, hash, data)
  SELECT DISTINCT ON (r.root, r.hash) r.root, r.hash, r.data FROM unnest(
    %(blob_batch)s::text[], %(blob_root)s::text[], %(blob_hash)s::text[], %(blob_data)s::bytea[]
  ) AS r(batch, root, hash, data)
  JOIN moved ON moved.batch = r.batch
  ON CONFLICT DO NOTHING
)
SELECT batch FROM moved"""

_POSTGRES_SKIPPING = _POSTGRES_APPEND.replace("{skip}", "SKIP LOCKED").encode()
_POSTGRES_WAITING = _POSTGRES_APPEND.replace("{skip}", "").encode()


def append_postgres(
    connection: psycopg.Connection[tuple[Any, ...]],
    members: Sequence[Append],
    now: int,
    *,
    waits: bool,
) -> set[str]:
    """Append in one autocommitted statement; returns the batch ids that were accepted.

    Without `waits` a member whose row somebody else has locked is refused as well.
    """
    statement = _POSTGRES_WAITING if waits else _POSTGRES_SKIPPING
    reached("append:before")
    rows = connection.execute(statement, _postgres_arrays(members, now)).fetchall()
    reached("append:after")
    return {str(row[0]) for row in rows}


def _postgres_arrays(members: Sequence[Append], now: int) -> dict[str, Any]:
    folded = [each.folded for each in members]
    entries = [(m.batch_id, e) for m in members for e in m.entries]
    blobs = [(m, b) for m in members for b in m.blobs]
    return {
        "now": naive(now),
        "id": [m.lease.execution_id for m in members],
        "num": [m.lease.number for m in members],
        "holder": [m.lease.worker_id for m in members],
        "expected": [m.expected for m in members],
        "count": [len(m.entries) for m in members],
        "cursor": [m.cursor for m in members],
        "batch": [m.batch_id for m in members],
        "seen": [m.seen for m in members],
        "ends": [m.ends for m in members],
        "folds": [f is not None for f in folded],
        "status": [f and f.status.value for f in folded],
        "started_at": [f and naive(f.started_at) for f in folded],
        "completed_at": [f and naive(f.completed_at) for f in folded],
        "error_message": [f and f.error_message for f in folded],
        "error_node_id": [f and f.error_node_id for f in folded],
        "progress": [m.progress for m in members],
        "entry_batch": [batch_id for batch_id, _ in entries],
        "position": [e.position for _, e in entries],
        "type": [e.type for _, e in entries],
        "at": [e.at for _, e in entries],
        "data": [e.data for _, e in entries],
        "blob_batch": [m.batch_id for m, _ in blobs],
        "blob_root": [m.root_execution_id for m, _ in blobs],
        "blob_hash": [b.hash for _, b in blobs],
        "blob_data": [b.data for _, b in blobs],
    }
