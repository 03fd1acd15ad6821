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
    if limit == 0:
        return []
    given = {
        "limit": limit,
        "worker_id": worker_id,
        "trial_began_after": naive(at - TRIAL_MS),
        "waited_since": at - WAIT_MS,
        "all_owners": limit > reserve,
    }
    rows = connection.execute(_WAITING, given)
    waiting = [Waiting(row.id, bool(row.suspect), row.rank == 1) for row in rows]
    return admitted(waiting, limit - reserve)


def _running(connection: Connection) -> int:
    return int(connection.execute(_COUNT_OF_RUNNING).scalar_one())


def _in_turn() -> sa.Select[Any]:
    """Nothing while the worker has a suspect on trial."""
    queued, running = _queued(), _running_of_owners()
    w = queued.c
    rank = w.turn + sa.func.coalesce(running.c.count, 0)
    on_trial = _HELD.processing_started_at > sa.bindparam("trial_began_after")
    limit = sa.bindparam("limit", type_=sa.Integer)
    return (
        sa.select(w.id, w.suspect, rank.label("rank"))
        .outerjoin_from(queued, running, w.owner_id == running.c.owner_id)
        .where(
            w.turn <= limit,  # saves sorting the rest
            sa.or_(rank == 1, sa.bindparam("all_owners", type_=sa.Boolean)),
            ~_holds(_HELD.failure_count >= SUSPECT_FROM, on_trial),
        )
        .order_by(w.is_new, rank, w.queued_at, w.id)
        .limit(limit)
    )


def _queued() -> sa.Subquery:
    """A suspect only for a worker that holds nothing, or when it waited for long."""
    e = t.executions.c
    suspect = e.failure_count >= SUSPECT_FROM
    fits = sa.or_(sa.not_(suspect), e.queued_at <= sa.bindparam("waited_since"), ~_holds())
    is_new = sa.case((e.num == 1, 1), else_=0)
    turn = sa.func.row_number().over(partition_by=e.owner_id, order_by=(is_new, e.queued_at))
    return (
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


def _running_of_owners() -> sa.Subquery:
    e = t.executions.c
    counts = sa.select(e.owner_id, sa.func.count().label("count")).where(e.disp == "L")
    return counts.group_by(e.owner_id).subquery()


def _holds(*like: sa.ColumnElement[bool]) -> sa.Exists:
    """Whether the worker holds anything, or anything like this."""
    mine = _HELD.holder == sa.bindparam("worker_id")
    return sa.exists().where(mine, _HELD.disp == "L", *like)


_HELD = t.executions.alias("held").c
# Made once: workers ask for every free slot, and making them costs more than running them.
_COUNT_OF_RUNNING = sa.select(sa.func.count()).where(t.executions.c.disp == "L")
_WAITING = _in_turn()
