"""Workers, takeover, audit and scan: lines 16 to 18 and w of the transition table."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from chaingraph.durable import tables as t
from chaingraph.errors import Fenced
from chaingraph.execution.reading import decode
from chaingraph.execution.records import Disposition, Lease, Segment, Status
from chaingraph.execution.times import from_ms
from tests.conformance.backends import Backend
from tests.conformance.steps import (
    batch,
    claimed,
    deliver,
    dispatch,
    ending,
    join,
    leased,
    parked,
    queued,
    row,
    types,
)


async def test_a_worker_is_seen_as_it_joined(backend: Backend) -> None:
    worker = await join(backend, "w1")
    assert await backend.fleet.workers() == [worker]
    await join(backend, "w1")
    assert await backend.fleet.workers() == [worker]


async def test_a_beat_counts_while_alive(backend: Backend) -> None:
    await join(backend, "w1")
    assert await backend.fleet.beat("w1")
    assert (await backend.fleet.workers())[0].beat == 1
    assert not await backend.fleet.beat("w2")


async def test_death_is_declared_only_over_the_beat_that_was_seen(backend: Backend) -> None:
    await join(backend, "w1")
    await backend.fleet.beat("w1")
    assert not await backend.fleet.declare_dead("w1", 0)
    assert await backend.fleet.declare_dead("w1", 1)
    assert not await backend.fleet.declare_dead("w1", 1)
    assert not await backend.fleet.beat("w1")


async def test_the_dead_are_listed_while_they_hold_something(backend: Backend) -> None:
    lease = await leased(backend)
    await backend.fleet.declare_dead("w1", 0)
    assert [(each.id, each.alive) for each in await backend.fleet.workers()] == [("w1", False)]
    await backend.journal.hand_over(lease)
    assert await backend.fleet.workers() == []


async def test_who_left_is_gone(backend: Backend) -> None:
    await join(backend, "w1")
    await backend.fleet.leave("w1")
    assert await backend.fleet.workers() == []
    assert not await backend.fleet.beat("w1")


async def test_what_came_to_a_worker_after_it_left_is_found(backend: Backend) -> None:
    """Its claim was on the way when it left."""
    lease = await leased(backend)
    await backend.fleet.leave("w1")
    assert [(each.id, each.alive) for each in await backend.fleet.workers()] == [("w1", False)]
    assert await backend.fleet.leases("w1") == [lease]


async def test_leases_are_those_that_are_held(backend: Backend) -> None:
    first = await leased(backend, "EX1")
    second = await leased(backend, "EX2")
    await leased(backend, "EX3", "w2")
    await queued(backend, "EX4")
    assert await backend.fleet.leases("w1") == [first, second]
    await backend.journal.append(ending(first, 1))
    assert await backend.fleet.leases("w1") == [second]


async def test_unread_are_held_executions_with_news(backend: Backend) -> None:
    lease = await leased(backend, "EX1")
    await leased(backend, "EX2", "w2")
    assert await backend.fleet.unread("w1") == ["EX1"]
    await backend.journal.append(batch(lease, 1, cursor=1))
    assert await backend.fleet.unread("w1") == []
    await deliver(backend, "stop")
    assert await backend.fleet.unread("w1") == ["EX1"]


async def test_take_over_queues_the_next_number(backend: Backend) -> None:
    lease = await leased(backend)
    backend.clock.move(900)
    segment = await backend.fleet.take_over(lease, "w2", "worker is gone", poison=5)
    assert segment == Segment("EX1", 2)
    at, found = await dispatch(backend), await row(backend)
    assert (at.disposition, at.number, at.holder) == (Disposition.QUEUED, 2, None)
    assert (found.failure_count, found.last_failure_reason) == (1, "worker is gone")
    assert found.last_failure_at == from_ms(backend.clock())
    with pytest.raises(Fenced):
        await backend.journal.append(batch(lease, 1))


async def test_a_lease_is_taken_over_once(backend: Backend) -> None:
    lease = await leased(backend)
    taking = (backend.fleet.take_over(lease, f"w{n}", "gone", poison=5) for n in range(2, 8))
    segments = await asyncio.gather(*taking)
    assert [each for each in segments if each is not None] == [Segment("EX1", 2)]
    assert (await row(backend)).failure_count == 1


@pytest.mark.parametrize("late", ["ended", "handed over", "other holder"])
async def test_a_lease_that_is_over_is_not_taken(backend: Backend, late: str) -> None:
    lease = await leased(backend)
    match late:
        case "ended":
            await backend.journal.append(ending(lease, 1))
        case "handed over":
            await backend.journal.hand_over(lease)
        case _:
            lease = Lease("EX1", 1, "w9")
    before = await dispatch(backend)
    assert await backend.fleet.take_over(lease, "w2", "gone", poison=1) is None
    assert await dispatch(backend) == before
    assert (await row(backend)).failure_count == 0


async def test_an_execution_that_is_lost_too_often_fails(backend: Backend) -> None:
    segment: Segment | None = await queued(backend)
    for _ in range(3):
        assert segment is not None
        lease = await claimed(backend, segment)
        segment = await backend.fleet.take_over(lease, "w2", "worker is gone", poison=3)
    assert segment is None
    at, found = await dispatch(backend), await row(backend)
    assert (at.disposition, at.holder, at.number) == (Disposition.DONE, None, 4)
    assert (found.status, found.failure_count) == (Status.FAILED, 3)
    assert found.error_message is not None
    assert "failure count (3)" in found.error_message
    assert await types(backend) == ["execution:created", "flow:failed"]
    last = decode((await backend.journal.read("EX1", 1, 1))[0])
    assert last.data["error"].message == found.error_message


async def test_a_completed_node_forgives_earlier_failures(backend: Backend) -> None:
    lease = await leased(backend)
    segment = await backend.fleet.take_over(lease, "w2", "gone", poison=5)
    assert segment is not None
    lease = await claimed(backend, segment)
    await backend.journal.append(batch(lease, 1))
    assert (await row(backend)).failure_count == 1
    await backend.journal.append(batch(lease, 2, "node:completed", progress=True))
    assert (await row(backend)).failure_count == 0


async def test_a_take_over_is_recorded(sql_only: Backend) -> None:
    lease = await leased(sql_only)
    await sql_only.fleet.take_over(lease, "w2", "worker is gone", poison=1)
    assert await recoveries(sql_only) == [
        {
            "id": 1,
            "execution_id": "EX1",
            "recovered_at": datetime(2023, 11, 14, 22, 13, 20, 123_000),
            "recovered_by_worker": "w2",
            "recovery_reason": "worker is gone",
            "previous_status": "created",
            "previous_worker_id": "w1",
        }
    ]


async def recoveries(backend: Backend) -> list[dict[str, Any]]:
    assert backend.database is not None
    query = sa.select(t.recovery)
    rows = await backend.database.read(lambda c: c.execute(query).all())
    return [dict(row._mapping) for row in rows]


async def test_what_is_in_the_queue_is_not_stranded(sql_only: Backend) -> None:
    await queued(sql_only)
    assert await sql_only.fleet.stranded() == []
    assert (await dispatch(sql_only)).number == 1


async def test_only_queued_executions_can_be_stranded(backend: Backend) -> None:
    await parked(backend, "EX1")
    await leased(backend, "EX2")
    await backend.journal.append(ending(await leased(backend, "EX3"), 1))
    assert await backend.fleet.stranded() == []


#: What may become of a segment in the queue: its status and who has it. None: it is not there.
LOST = {
    "missing": None,
    "cancelled": ("CANCELLED", None),
    "ended": ("SUCCESS", "w1"),
    "at the dead": ("PENDING", "w1"),
    "at nobody": ("PENDING", "w9"),
}


@pytest.mark.parametrize("fate", LOST)
async def test_what_the_queue_lost_is_queued_anew(sql_only: Backend, fate: str) -> None:
    await queued(sql_only)
    await join(sql_only, "w1")
    await sql_only.fleet.declare_dead("w1", 0)
    await in_queue(sql_only, LOST[fate])
    assert await sql_only.fleet.stranded() == [Segment("EX1", 2)]
    assert await sql_only.fleet.stranded() == []
    at = await dispatch(sql_only)
    assert (at.disposition, at.number) == (Disposition.QUEUED, 2)
    assert (await row(sql_only)).failure_count == 0


async def test_what_a_live_worker_was_brought_is_left_to_it(sql_only: Backend) -> None:
    await queued(sql_only)
    await join(sql_only, "w1")
    await in_queue(sql_only, LOST["at the dead"])
    assert await sql_only.fleet.stranded() == []


async def test_of_two_scans_at_once_one_queues_anew(sql_only: Backend) -> None:
    await queued(sql_only)
    await in_queue(sql_only, LOST["missing"])
    found = await asyncio.gather(*(sql_only.fleet.stranded() for _ in range(4)))
    assert [each for scan in found for each in scan] == [Segment("EX1", 2)]


async def test_a_taken_over_segment_is_in_the_queue(sql_only: Backend) -> None:
    lease = await leased(sql_only)
    await sql_only.fleet.take_over(lease, "w2", "gone", poison=5)
    assert await sql_only.fleet.stranded() == []
    assert sql_only.dispatcher is not None
    await sql_only.dispatcher.cancel(Segment("EX1", 1))
    assert await sql_only.fleet.stranded() == []


async def test_what_was_taken_need_not_be_brought_any_more(sql_only: Backend) -> None:
    assert sql_only.dispatcher is not None
    await leased(sql_only, "EX1")
    await queued(sql_only, "EX2")
    lease = await leased(sql_only, "EX3")
    await sql_only.journal.hand_over(lease)
    await sql_only.fleet.sweep()
    waiting = await sql_only.dispatcher.waiting()
    assert sorted(each.workflow_id for each in waiting) == ["EX2", "EX3.2"]
    assert await sql_only.fleet.stranded() == []


async def in_queue(backend: Backend, fate: tuple[str, str | None] | None) -> None:
    """Do to the queue's own row of the first segment what the queue might do."""
    assert backend.database is not None
    schema = None if backend.database.is_sqlite else "dbos"
    names = ("workflow_uuid", "status", "executor_id")
    table = sa.table("workflow_status", *map(sa.column, names), schema=schema)
    here = table.c.workflow_uuid == "EX1"
    statement: sa.Delete | sa.Update = sa.delete(table).where(here)
    if fate is not None:
        statement = sa.update(table).where(here).values(status=fate[0], executor_id=fate[1])
    assert await backend.database.write("queue", lambda c: c.execute(statement).rowcount) == 1


def test_the_clock_of_the_tests_is_in_utc() -> None:
    assert from_ms(1_700_000_000_123).tzinfo is UTC


async def test_workers_that_died_long_ago_are_forgotten(sql_only: Backend) -> None:
    assert sql_only.database is not None
    lease = await leased(sql_only, "EX1", "holds")
    for worker_id in ("holds", "dead"):
        await join(sql_only, worker_id, started_at=1_000.0)
        await sql_only.fleet.leave(worker_id)
    await join(sql_only, "alive", started_at=1_000.0)
    await sql_only.fleet.sweep()
    query = sa.select(t.workers.c.id).order_by(t.workers.c.id)
    found = await sql_only.database.read(lambda c: c.execute(query).scalars().all())
    assert found == ["alive", lease.worker_id]
