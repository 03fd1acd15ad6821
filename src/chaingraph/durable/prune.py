"""Retention: whole trees of ended executions are deleted, a short transaction at a time.

Nothing of a tree is touched before all of it has ended, so nobody who runs ever waits for this.
Rows go last: until then a second try finds what a first one left.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from chaingraph import metrics
from chaingraph.durable import snapshots
from chaingraph.durable import tables as t
from chaingraph.durable.database import Database
from chaingraph.durable.dispatched import Dispatched, dispatched
from chaingraph.durable.rows import naive
from chaingraph.execution.records import Segment

#: At most so many rows go in one transaction.
ROWS = 500
#: So many trees are looked for at a time.
TREES = 200


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept. A tree goes when it is older than `older_than` and, when `keep` is given,
    not one of its owner's `keep` newest; one of the two has to be given."""

    older_than: timedelta | None = None
    keep: int | None = None
    owner: str | None = None

    @property
    def keeps_all(self) -> bool:
        return self.older_than is None and self.keep is None


@dataclass(frozen=True, slots=True)
class Tree:
    """A root execution that has ended with all its descendants, which all know of it."""

    root_id: str
    owner_id: str
    executions: int


async def retain(database: Database, rule: Retention, *, clock: Callable[[], int]) -> list[Tree]:
    """Delete what the rule does not keep, and snapshots without an execution; the deleted trees.

    Safe to run in many processes at once, and again after a crash. Raises StoreUnavailable.
    """
    with dispatched(database) as queue:
        gone = [tree async for tree in _deleted(database, queue, rule, clock())]
    await _forget_snapshots(database)
    return gone


async def doomed(database: Database, rule: Retention, *, clock: Callable[[], int]) -> list[Tree]:
    """What `retain` would delete now."""
    return await database.read(lambda c: _trees(c, rule, clock(), limit=None))


async def _deleted(
    database: Database, queue: Dispatched, rule: Retention, now: int
) -> AsyncIterator[Tree]:
    while trees := await database.read(lambda c: _trees(c, rule, now, limit=TREES)):
        await queue.forget(await database.read(partial(_workflow_ids, trees=trees)))
        for tree in trees:
            while await database.write("prune", partial(_shrink, root_id=tree.root_id)):
                pass
            metrics.pruned_executions.inc(tree.executions)
            yield tree


def _trees(connection: Connection, rule: Retention, now: int, *, limit: int | None) -> list[Tree]:
    """The oldest trees that the rule does not keep. Rows of other systems have no snapshot."""
    if rule.keeps_all:
        return []
    roots = t.executions.alias("roots")
    r, e = roots.c, t.executions.c
    newest = sa.func.row_number().over(
        partition_by=r.owner_id, order_by=(r.created_at.desc(), r.id)
    )
    ranked = (
        sa.select(r.id, r.owner_id, r.completed_at, newest.label("rank"))
        .where(r.id == r.root_execution_id, r.flow_snapshot.is_not(None))
        .subquery()
    )
    of_tree = e.root_execution_id == ranked.c.id
    is_open = sa.or_(e.disp != "D", sa.not_(e.parent_told), e.cascade.is_not(None))
    count = sa.select(sa.func.count()).where(of_tree).scalar_subquery()
    query = sa.select(ranked.c.id, ranked.c.owner_id, count.label("executions")).where(
        ranked.c.completed_at.is_not(None),
        ~sa.exists().where(of_tree, is_open),
    )
    if rule.owner is not None:
        query = query.where(ranked.c.owner_id == rule.owner)
    if rule.older_than is not None:
        limit_ms = now - round(rule.older_than.total_seconds() * 1000)
        query = query.where(ranked.c.completed_at < naive(limit_ms))
    if rule.keep is not None:
        query = query.where(ranked.c.rank > rule.keep)
    rows = connection.execute(query.order_by(ranked.c.completed_at, ranked.c.id).limit(limit))
    return [Tree(row.id, row.owner_id, row.executions) for row in rows]


def _workflow_ids(connection: Connection, trees: Sequence[Tree]) -> list[str]:
    """The ids of every segment that the executions of these trees ever had."""
    e = t.executions.c
    query = sa.select(e.id, e.num).where(e.root_execution_id.in_([tree.root_id for tree in trees]))
    return [
        Segment(row.id, number).workflow_id
        for row in connection.execute(query)
        for number in range(1, max(1, row.num) + 1)
    ]


def _shrink(connection: Connection, root_id: str) -> bool:
    """Delete some of a tree's rows, its executions last; whether something is left."""
    e, b = t.executions.c, t.blobs.c
    ids = sa.select(e.id).where(e.root_execution_id == root_id)
    if _delete_events(connection, ids) == ROWS:
        return True
    blob = sa.select(b.hash).where(b.root_execution_id == root_id).limit(1)
    mine = (b.root_execution_id == root_id, b.hash == blob.scalar_subquery())
    if connection.execute(sa.delete(t.blobs).where(*mine)).rowcount:
        return True  # it may be large
    for table in (t.inbox, t.recovery, t.tokens):
        connection.execute(sa.delete(table).where(table.c.execution_id.in_(ids)))
    connection.execute(sa.delete(t.executions).where(e.root_execution_id == root_id))
    return False


def _delete_events(connection: Connection, ids: sa.Select[tuple[str]]) -> int:
    j = t.journal.c
    some = sa.select(j.execution_id, j.position).where(j.execution_id.in_(ids)).limit(ROWS)
    statement = sa.delete(t.journal).where(sa.tuple_(j.execution_id, j.position).in_(some))
    return connection.execute(statement).rowcount


async def _forget_snapshots(database: Database) -> None:
    while True:
        hashes = await database.read(partial(snapshots.unreferred, limit=ROWS))
        if not hashes or not await database.write(
            "prune", partial(snapshots.forget, hashes=hashes)
        ):
            return
