"""Due times: line 19 of the transition table, and the scan of line 20."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa

from chaingraph import metrics
from chaingraph.durable import tables as t
from chaingraph.execution.records import Disposition, Segment
from tests.conformance.backends import Backend
from tests.conformance.families import PAUSED, resting
from tests.conformance.steps import claimed, deliver, dispatch, parked, queued


async def test_what_is_due_is_queued_once(backend: Backend) -> None:
    due = backend.clock() + 100
    await resting(backend, wake_at=due)
    assert await backend.errands.wake_due() == []
    backend.clock.move(100)
    assert await backend.errands.wake_due() == [Segment("EX1", 2)]
    at = await dispatch(backend)
    assert (at.disposition, at.number, at.wake_at) == (Disposition.QUEUED, 2, None)
    assert await backend.errands.wake_due() == []
    await claimed(backend, Segment("EX1", 2))


async def test_of_two_workers_one_wakes_it(backend: Backend) -> None:
    for n in range(20):
        await resting(backend, f"EX{n}", wake_at=backend.clock())
    both = await asyncio.gather(backend.errands.wake_due(), backend.errands.wake_due())
    woken = [segment for each in both for segment in each]
    assert sorted(each.execution_id for each in woken) == sorted(f"EX{n}" for n in range(20))
    assert {each.number for each in woken} == {2}


async def test_a_paused_one_is_not_woken_by_the_time(backend: Backend) -> None:
    await resting(backend, wake_at=backend.clock(), folded=PAUSED)
    assert await backend.errands.wake_due() == []
    assert (await dispatch(backend)).wake_at == backend.clock()


async def test_what_was_woken_before_is_not_due_any_more(backend: Backend) -> None:
    await resting(backend, wake_at=backend.clock() + 1)
    await deliver(backend, "signal")
    backend.clock.move(1)
    assert await backend.errands.wake_due() == []
    assert (await dispatch(backend)).number == 2


async def test_only_the_trees_that_were_asked_for(backend: Backend) -> None:
    for name in ("EX1", "EX2", "EX3"):
        await resting(backend, name, wake_at=backend.clock())
    assert await backend.errands.wake_due(frozenset(["EX2"])) == [Segment("EX2", 2)]
    assert await backend.errands.wake_due(frozenset()) == []
    woken = await backend.errands.wake_due()
    assert sorted(each.execution_id for each in woken) == ["EX1", "EX3"]


async def test_what_never_started_and_what_is_queued_is_left_alone(backend: Backend) -> None:
    await parked(backend, "EX1")
    await queued(backend, "EX2")
    assert await backend.errands.wake_due() == []


async def test_a_segment_that_the_time_queued_is_brought(sql_only: Backend) -> None:
    await resting(sql_only, wake_at=sql_only.clock())
    await sql_only.errands.wake_due()
    sql_only.clock.move(60_000)
    assert await sql_only.fleet.stranded() == []


async def test_who_sleeps_over_a_delivery_is_woken_and_counted(sql_only: Backend) -> None:
    await resting(sql_only, "EX1")
    await resting(sql_only, "EX2", folded=PAUSED)
    await resting(sql_only, "EX3", folded=PAUSED)
    await deliver(sql_only, "signal", to="EX1")
    await deliver(sql_only, "resume", to="EX2")
    await deliver(sql_only, "signal", to="EX3")
    assert sql_only.database is not None
    with sql_only.database.engine.begin() as connection:
        connection.execute(sa.update(t.executions).values(disp="P"))
    before = found("unread")
    woken = await sql_only.errands.wake_overlooked()
    assert sorted(woken, key=lambda each: each.execution_id) == [
        Segment("EX1", 3),
        Segment("EX2", 3),
    ]
    assert found("unread") == before + 2
    assert await sql_only.errands.wake_overlooked() == []


def found(kind: str) -> float:
    return (
        metrics.REGISTRY.get_sample_value("chaingraph_scanner_findings_total", {"kind": kind})
        or 0.0
    )
