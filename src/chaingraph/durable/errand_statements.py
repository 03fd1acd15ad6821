"""What errands begin with: the queries for what is to be done.

Each reads an index of such rows alone, so that looking costs nothing while there is none; but
`OVERLOOKED` reads what rests over deliveries that need not wake it, so it is asked seldom.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from chaingraph.durable import tables as t
from chaingraph.execution.records import Status

#: So many rows are looked for at a time, and moved in one transaction.
PAGE = 500
#: Commands that wake a parked execution whatever it waits for.
ALWAYS = ("start", "stop", "resume", "step")
#: Commands that wake it unless it is paused.
RUNNING = ("pause", "signal")


def _overlooked() -> sa.Select[tuple[str, int, int]]:
    """What is parked over a delivery that should have woken it. There must never be any."""
    e, i = t.executions.c, t.inbox.c
    last_child = sa.and_(i.kind == "child", e.open_children == 0)
    running = sa.and_(e.status == "running", sa.or_(i.kind.in_(RUNNING), last_child))
    return (
        sa.select(e.id, e.num, sa.func.min(i.seq).label("seq"))
        .join_from(t.executions, t.inbox, i.execution_id == e.id)
        .where(
            e.disp == sa.literal_column("'P'"),
            e.inbox_seq > e.inbox_cur,
            i.seq > e.inbox_cur,
            sa.or_(i.kind.in_(ALWAYS), running),
        )
        .group_by(e.id, e.num)
        .order_by(e.id)
    )


def _due() -> sa.Select[Any]:
    e = t.executions.c
    has_come = e.wake_at <= sa.bindparam("at")  # only what is parked has a time
    return sa.select(e.id).where(has_come, e.status != Status.PAUSED.value).order_by(e.wake_at)


def _untold() -> sa.Select[Any]:
    """Children that have ended and whose parents do not know."""
    e = t.executions.c
    return (
        sa.select(e.id, e.parent_execution_id, e.status, e.error_message, e.awaited)
        .where(sa.not_(e.parent_told))
        .order_by(e.parent_execution_id, e.id)
        .limit(PAGE)
    )


def _pending() -> sa.Select[Any]:
    e = t.executions.c
    return sa.select(e.id, e.cascade).where(e.cascade.is_not(None)).order_by(e.id).limit(PAGE)


# Made once: every worker asks again and again, and making them costs more than running them.
DUE = _due()
OVERLOOKED = _overlooked()
UNTOLD = _untold()
PENDING = _pending()
#: Whether there is any of them: one question for the many rounds in which there is none.
ANY = sa.select(sa.or_(*(sa.exists(each.limit(1)) for each in (DUE, UNTOLD, PENDING))))
