"""What the doctor finds in a database where something went wrong, and what it does about it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import sqlalchemy as sa

from chaingraph.durable import tables as t
from chaingraph.durable.dispatched import dispatched
from chaingraph.durable.doctor import Check, Doctor, Finding, doctor
from chaingraph.durable.fleet import SqlFleet
from chaingraph.execution.records import Disposition
from chaingraph.superjson import dumps
from tests.conformance.backends import Backend
from tests.conformance.families import PAUSED, new_child, resting
from tests.conformance.steps import deliver, dispatch, join, leased, parked, queued


@pytest.fixture
def backend(sql_only: Backend) -> Backend:
    return sql_only


@pytest.fixture
async def called(backend: Backend) -> AsyncIterator[Doctor]:
    assert backend.database is not None
    assert backend.dispatcher is not None
    assert isinstance(backend.fleet, SqlFleet)
    with doctor(backend.database, backend.fleet, backend.dispatcher, backend.clock) as at_work:
        yield at_work


async def nothing() -> None:
    """Nothing happens between the two looks."""


async def beaten(backend: Backend) -> None:
    for worker in await backend.fleet.workers():
        await backend.fleet.beat(worker.id)


async def found(
    called: Doctor, backend: Backend, meanwhile: Callable[[], Awaitable[None]] | None = None
) -> list[Finding]:
    async def a_lease_later() -> None:
        await beaten(backend)
        if meanwhile is not None:
            await meanwhile()

    return await called.examine(a_lease_later)


async def execute(backend: Backend, statement: sa.Update | sa.Delete) -> None:
    assert backend.database is not None
    with backend.database.engine.begin() as connection:
        connection.execute(statement)


async def test_a_healthy_fleet_has_no_findings(backend: Backend, called: Doctor) -> None:
    await leased(backend, "EX1")
    await queued(backend, "EX2")
    await parked(backend, "EX3")
    assert await found(called, backend) == []


async def test_a_lease_of_a_dead_worker_is_taken_over(backend: Backend, called: Doctor) -> None:
    await leased(backend, "EX1", "w1")
    await backend.fleet.declare_dead("w1", 0)
    (finding,) = await found(called, backend)
    assert (finding.check, finding.subject) == (Check.LOST_LEASE, "EX1")
    assert await called.repair(finding) == "taken over, queued as segment 2"
    assert (await dispatch(backend)).disposition is Disposition.QUEUED
    assert await called.repair(finding) is None
    assert await found(called, backend) == []


async def test_a_queued_segment_that_the_queue_lost_is_queued_anew(
    backend: Backend, called: Doctor
) -> None:
    segment = await queued(backend)
    assert backend.database is not None
    with dispatched(backend.database) as queue:
        await queue.forget([segment.workflow_id])
    (finding,) = await found(called, backend)
    assert (finding.check, finding.subject) == (Check.NOT_BROUGHT, "EX1")
    assert await called.repair(finding) == "queued anew as segment 2"
    assert await found(called, backend) == []


async def test_what_is_parked_over_a_command_is_woken(backend: Backend, called: Doctor) -> None:
    await queued(backend)
    await execute(backend, sa.update(t.executions).values(disp="P"))
    (finding,) = await found(called, backend)
    assert (finding.check, finding.number) == (Check.UNREAD_COMMAND, 1)
    assert await called.repair(finding) == "woken, queued as segment 2"
    assert await found(called, backend) == []


async def test_what_is_parked_for_a_reason_is_no_finding(backend: Backend, called: Doctor) -> None:
    signal = dumps({"waits": [{"nodeId": "A", "kind": "signal", "name": "go"}]})
    await resting(backend, "EX1", data=signal)
    await resting(backend, "EX2", wake_at=backend.clock() + 1)
    await resting(backend, "EX3", folded=PAUSED)
    await resting(backend, "EX4", children=(new_child(backend, "EX5", "EX4", inbox=()),))
    await deliver(backend, "signal", to="EX3")
    assert await found(called, backend) == []


async def test_what_is_parked_for_nothing_is_woken(backend: Backend, called: Doctor) -> None:
    await resting(backend, data=dumps({"waits": []}))
    (finding,) = await found(called, backend)
    assert (finding.check, finding.subject, finding.number) == (Check.NO_WAIT, "EX1", 1)
    assert await called.repair(finding) == "woken, queued as segment 2"
    assert await found(called, backend) == []


async def test_a_worker_that_stands_still_is_declared_dead(
    backend: Backend, called: Doctor
) -> None:
    await leased(backend, "EX1", "w1")
    (finding,) = await called.examine(nothing)
    assert (finding.check, finding.subject) == (Check.STILL_WORKER, "w1")
    assert await called.repair(finding) == "declared dead, 1 executions taken over"
    assert not await backend.fleet.beat("w1")
    assert await called.examine(nothing) == []


async def test_a_worker_that_came_to_itself_is_left_alone(backend: Backend, called: Doctor) -> None:
    await join(backend, "w1")
    (finding,) = await called.examine(nothing)
    await backend.fleet.beat("w1")
    assert await called.repair(finding) is None
    assert await backend.fleet.beat("w1")


async def test_what_comes_right_between_two_looks_is_no_finding(
    backend: Backend, called: Doctor
) -> None:
    await leased(backend, "EX1", "w1")
    await backend.fleet.declare_dead("w1", 0)

    async def adopted() -> None:
        (lease,) = await backend.fleet.leases("w1")
        await backend.fleet.take_over(lease, "w2", "worker is gone", poison=5)

    assert await found(called, backend, adopted) == []


async def test_a_workflow_on_a_dead_executor_is_cancelled(backend: Backend, called: Doctor) -> None:
    await queued(backend)
    await deliver(backend, "stop")
    await pretend_taken(backend, "EX1", "w-gone")
    (finding,) = await found(called, backend)
    assert (finding.check, finding.subject) == (Check.DEAD_EXECUTOR, "EX1")
    assert finding.holder == "w-gone"
    assert await called.repair(finding) == "cancelled"
    assert await found(called, backend) == []


async def pretend_taken(backend: Backend, workflow_id: str, executor_id: str) -> None:
    """An executor took the workflow from the queue, and died."""
    assert backend.database is not None
    schema = None if backend.database.is_sqlite else "dbos"
    status = sa.table(
        "workflow_status",
        sa.column("workflow_uuid"),
        sa.column("status"),
        sa.column("executor_id"),
        schema=schema,
    )
    mine = status.c.workflow_uuid == workflow_id
    await execute(
        backend,
        sa.update(status).where(mine).values(status="PENDING", executor_id=executor_id),
    )
