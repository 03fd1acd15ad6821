"""Executions that are parked over deliveries that should have woken them."""

from __future__ import annotations

import sqlalchemy as sa

from chaingraph.durable import tables as t

#: Commands that wake a parked execution whatever it waits for.
ALWAYS = ("start", "stop", "resume", "step")
#: Commands that wake it unless it is paused.
RUNNING = ("pause", "signal")


def overlooked() -> sa.Select[tuple[str, int, int]]:
    """Their ids and numbers, and the number of the delivery. There must never be any."""
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
