"""What workers ask the database again and again.

Made once: making such a statement costs more than running it.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from chaingraph.durable import tables as t
from chaingraph.execution.records import CommandKind


def _all_workers() -> sa.Select[Any]:
    w = t.workers.c
    holds = sa.exists().where(t.executions.c.holder == w.id)
    return sa.select(t.workers).where(sa.or_(w.alive.is_(True), holds))


def _leases_of_worker() -> sa.Select[Any]:
    e = t.executions.c
    mine = e.holder == sa.bindparam("worker_id")
    return sa.select(e.id, e.num).where(mine, e.disp == "L").order_by(e.id)


def _late_stops() -> sa.Select[Any]:
    e, i = t.executions.c, t.inbox.c
    unread = i.seq > e.inbox_cur
    is_late = i.at < sa.bindparam("late")
    return (
        sa.select(e.id, e.num, e.holder)
        .join_from(t.executions, t.inbox, i.execution_id == e.id)
        .where(e.disp == "L", unread, i.kind == CommandKind.STOP.value, is_late)
        .distinct()
    )


def _queued_segments() -> sa.Select[Any]:
    e = t.executions.c
    ids = sa.bindparam("ids", type_=sa.Text, expanding=True)
    return sa.select(e.id, e.num).where(e.id.in_(ids), e.disp == "Q")


def _claim_of_queued() -> sa.UpdateBase:
    e, w = t.executions.c, t.workers.c
    me = sa.bindparam("worker_id", type_=sa.Text)
    alive = sa.exists().where(w.id == me, w.alive.is_(True))
    ids = sa.bindparam("ids", type_=sa.Text, expanding=True)
    free = sa.select(e.id).where(e.id.in_(ids), e.disp == "Q", alive)
    began_at = sa.bindparam("began_at", type_=sa.DateTime)
    return (
        sa.update(t.executions)
        .where(e.id.in_(free.with_for_update(skip_locked=True)))
        .values(disp="L", holder=me, processing_worker_id=me, processing_started_at=began_at)
        .returning(e.id, e.num)
    )


WORKERS = _all_workers()
LEASES = _leases_of_worker()
TOLD_TO_STOP = _late_stops()
QUEUED = _queued_segments()
CLAIM = _claim_of_queued()
