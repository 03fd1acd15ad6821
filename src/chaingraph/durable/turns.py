"""Who is next: the queued executions in the order of `execution.ports.Fleet.claim_next`."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from chaingraph.durable import tables as t
from chaingraph.durable.rows import naive
from chaingraph.execution.isolation import SUSPECT_FROM, TRIAL_MS, WAIT_MS, Waiting, admitted


def next_for(
    connection: Connection, worker_id: str, limit: int, most_running: int | None, at: int
) -> list[str]:
    """The ids of what this worker may claim at this time, the most urgent first."""
    if most_running is not None:
        limit = max(0, min(limit, most_running - _running(connection)))
    held = _held_as_suspects(connection, worker_id, at)
    if limit == 0 or any(held):
        return []
    return admitted(_waiting(connection, limit, at, is_idle=not held))


def _running(connection: Connection) -> int:
    e = t.executions.c
    query = sa.select(sa.func.count()).where(e.disp == "L")
    return int(connection.execute(query).scalar_one())


def _held_as_suspects(connection: Connection, worker_id: str, at: int) -> list[bool]:
    """Of each execution that the worker holds, whether it is a suspect."""
    e = t.executions.c
    on_trial = e.processing_started_at > naive(at - TRIAL_MS)
    suspect = sa.and_(e.failure_count >= SUSPECT_FROM, on_trial)
    query = sa.select(suspect).where(e.holder == worker_id, e.disp == "L")
    return list(connection.execute(query).scalars())


def _waiting(connection: Connection, limit: int, at: int, *, is_idle: bool) -> list[Waiting]:
    e = t.executions.c
    running = (
        sa.select(e.owner_id, sa.func.count().label("count"))
        .where(e.disp == "L")
        .group_by(e.owner_id)
        .subquery()
    )
    suspect = e.failure_count >= SUSPECT_FROM
    fits = sa.or_(sa.literal(is_idle), sa.not_(suspect), e.queued_at <= at - WAIT_MS)
    is_new = sa.case((e.num == 1, 1), else_=0)
    turn = sa.func.row_number().over(partition_by=e.owner_id, order_by=(is_new, e.queued_at))
    waiting = (
        sa.select(
            e.id,
            e.owner_id,
            e.queued_at,
            is_new.label("is_new"),
            turn.label("turn"),
            suspect.label("suspect"),
        )
        .where(e.disp == "Q", fits)
        .subquery()
    )
    w = waiting.c
    query = (
        sa.select(w.id, w.suspect)
        .outerjoin_from(waiting, running, w.owner_id == running.c.owner_id)
        .order_by(w.is_new, w.turn + sa.func.coalesce(running.c.count, 0), w.queued_at, w.id)
        .limit(limit)
    )
    return [Waiting(row.id, bool(row.suspect)) for row in connection.execute(query)]
