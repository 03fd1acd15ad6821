"""Executions that were created and never started do not wait for ever, if so set."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from chaingraph.durable import tables as t
from chaingraph.durable.database import Database
from chaingraph.durable.rows import folded_of, naive
from chaingraph.durable.transitions import end, lock
from chaingraph.execution import endings
from chaingraph.execution.records import Command, CommandKind, Disposition

NEVER_STARTED = Command("expired", CommandKind.STOP, "chaingraph", {"reason": "never started"})
#: At most so many are ended in one call.
LIMIT = 200


async def expire_unstarted(
    database: Database, older_than: timedelta, *, clock: Callable[[], int]
) -> list[str]:
    """End those that were created longer ago than this, with `flow:cancelled`; their ids.

    A start that comes first wins, one that comes later is refused. Raises StoreUnavailable.
    """
    before = naive(clock() - round(older_than.total_seconds() * 1000))
    e = t.executions.c
    query = (
        sa.select(e.id)
        .where(e.disp == "P", e.num == 0, e.created_at < before)
        .order_by(e.created_at)
        .limit(LIMIT)
    )
    late = await database.read(lambda c: c.execute(query).scalars().all())
    return [
        each
        for each in late
        if await database.write("expire", partial(_expire, execution_id=each, now=clock()))
    ]


def _expire(connection: Connection, execution_id: str, now: int) -> bool:
    found = lock(connection, execution_id)
    waits = (Disposition.PARKED, 0)
    if found is None or (found.dispatch.disposition, found.dispatch.number) != waits:
        return False
    position, folded = found.dispatch.next_position, folded_of(found.row)
    entry, folded = endings.cancelled(position, now, NEVER_STARTED, folded)
    end(connection, found, entry, folded, cursor=found.dispatch.inbox_seq, stop=NEVER_STARTED)
    return True
