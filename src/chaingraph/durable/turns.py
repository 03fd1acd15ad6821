"""Who is next: the queued executions in the order of `execution.ports.Fleet.claim_next`."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from chaingraph.durable import tables as t
from chaingraph.durable.rows import naive
from chaingraph.execution.isolation import SUSPECT_FROM, TRIAL_MS, WAIT_MS, Waiting, admitted


def next_for(
    connection: Connection,
    worker_id: str,
    limit: int,
    at: int,
    *,
    reserve: int,
    most_running: int | None,
) -> list[str]:
    """The ids of what this worker may claim at this time, the most urgent first."""
    if most_running is not None:
        limit = max(0, min(limit, most_running - _running(connection)))
    held = _held_as_suspects(connection, worker_id, at)
    if limit == 0 or any(held):
        return []
    waiting = _waiting(connection, limit, at, is_idle=not held, all_owners=limit > reserve)
    return admitted(waiting, limit - reserve)


def _running(connection: Connection) -> int:
    return int(connection.execute(_COUNT_OF_RUNNING).scalar_one())


def _held_as_suspects(connection: Connection, worker_id: str, at: int) -> list[bool]:
    """Of each execution that the worker holds, whether it is a suspect."""
    given = {"worker_id": worker_id, "trial_began_after": naive(at - TRIAL_MS)}
    return list(connection.execute(_HELD_AS_SUSPECTS, given).scalars())


def _waiting(
    connection: Connection, limit: int, at: int, *, is_idle: bool, all_owners: bool
) -> list[Waiting]:
    given = {
        "limit": limit,
        "waited_since": at - WAIT_MS,
        "is_idle": is_idle,
        "all_owners": all_owners,
    }
    rows = connection.execute(_WAITING, given)
    return [Waiting(row.id, bool(row.suspect), row.rank == 1) for row in rows]


def _in_turn() -> sa.Select[Any]:
    e = t.executions.c
    running = (
        sa.select(e.owner_id, sa.func.count().label("count"))
        .where(e.disp == "L")
        .group_by(e.owner_id)
        .subquery()
    )
    suspect = e.failure_count >= SUSPECT_FROM
    is_idle = sa.bindparam("is_idle", type_=sa.Boolean)
    fits = sa.or_(is_idle, sa.not_(suspect), e.queued_at <= sa.bindparam("waited_since"))
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
    rank = w.turn + sa.func.coalesce(running.c.count, 0)
    return (
        sa.select(w.id, w.suspect, rank.label("rank"))
        .outerjoin_from(waiting, running, w.owner_id == running.c.owner_id)
        .where(sa.or_(rank == 1, sa.bindparam("all_owners", type_=sa.Boolean)))
        .order_by(w.is_new, rank, w.queued_at, w.id)
        .limit(sa.bindparam("limit", type_=sa.Integer))
    )


def _suspects_of_worker() -> sa.Select[Any]:
    e = t.executions.c
    on_trial = e.processing_started_at > sa.bindparam("trial_began_after")
    suspect = sa.and_(e.failure_count >= SUSPECT_FROM, on_trial)
    return sa.select(suspect).where(e.holder == sa.bindparam("worker_id"), e.disp == "L")


# Made once: workers ask for every free slot, and making them costs more than running them.
_COUNT_OF_RUNNING = sa.select(sa.func.count()).where(t.executions.c.disp == "L")
_HELD_AS_SUSPECTS = _suspects_of_worker()
_WAITING = _in_turn()
