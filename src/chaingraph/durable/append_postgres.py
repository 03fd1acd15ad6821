"""The hot path on PostgreSQL: one fenced statement that appends for many executions at once.

Each member is a compare-and-set on its lease and its next position; a member that is refused
neither rolls back nor delays the others. The driver is used directly: at this rate a query
builder costs more than the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import psycopg

from chaingraph.durable.rows import naive
from chaingraph.execution.boundary import reached
from chaingraph.execution.ports import Append

#: An advance by more entries than this goes the general way: each number of entries is a
#: statement of its own, which the driver and the server keep.
ADVANCE_ENTRIES = 12

#: One execution that only moves on, as between two effects. Scalars cost the driver half of what
#: the arrays of the general statement do.
_ADVANCE = """
WITH held AS (
  SELECT id FROM chaingraph_executions
  WHERE id = %s AND num = %s AND holder = %s AND disp = 'L' AND next_pos = %s
  FOR UPDATE {skip}
), moved AS (
  UPDATE chaingraph_executions e SET
    next_pos = e.next_pos + %s, inbox_cur = %s, last_batch = %s, updated_at = %s,
    failure_count = CASE WHEN %s THEN 0 ELSE e.failure_count END
  FROM held WHERE e.id = held.id
  RETURNING e.id, e.last_batch
), entries AS (
  INSERT INTO chaingraph_journal (execution_id, position, type, at, data)
  SELECT moved.id, r.* FROM moved, (VALUES {rows}) AS r
)
SELECT last_batch FROM moved"""
_ADVANCE_ROW = "(%s::int, %s, %s::bigint, %s::bytea)"

_GENERAL = """
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
    holder = CASE WHEN m.ends THEN NULL ELSE e.holder END,
    parent_told = CASE WHEN m.ends THEN e.parent_execution_id IS NULL ELSE e.parent_told END
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
    skip = "" if waits else "SKIP LOCKED"
    reached("append:before")
    if len(members) == 1 and _only_advances(members[0]):
        statement = _advance(len(members[0].entries), skip)
        cursor = connection.execute(statement, _scalars(members[0], now))
    else:
        cursor = connection.execute(_general(skip), _arrays(members, now))
    accepted = {str(row[0]) for row in cursor.fetchall()}
    reached("append:after")
    return accepted


def _only_advances(append: Append) -> bool:
    """Whether it says no more than an advance by few entries does."""
    said = Append(
        lease=append.lease,
        batch_id=append.batch_id,
        expected=append.expected,
        entries=append.entries,
        cursor=append.cursor,
        root_execution_id=append.root_execution_id,
        progress=append.progress,
    )
    return append == said and 0 < len(append.entries) <= ADVANCE_ENTRIES


@cache
def _advance(entries: int, skip: str) -> bytes:
    return _ADVANCE.format(skip=skip, rows=", ".join([_ADVANCE_ROW] * entries)).encode()


@cache
def _general(skip: str) -> bytes:
    return _GENERAL.replace("{skip}", skip).encode()


def _scalars(append: Append, now: int) -> list[Any]:
    lease = append.lease
    fence = (lease.execution_id, lease.number, lease.worker_id, append.expected)
    moved = (len(append.entries), append.cursor, append.batch_id, naive(now), append.progress)
    entries = (x for e in append.entries for x in (e.position, e.type, e.at, e.data))
    return [*fence, *moved, *entries]


def _arrays(members: Sequence[Append], now: int) -> dict[str, Any]:
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
