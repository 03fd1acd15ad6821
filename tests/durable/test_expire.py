"""Executions that nobody ever started come to an end, if so set."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chaingraph.durable.expire import expire_unstarted
from chaingraph.errors import IllegalTransition
from chaingraph.execution.reading import decode
from chaingraph.execution.records import Disposition, Status
from chaingraph.execution.verify import verify
from tests.conformance.backends import Backend
from tests.conformance.steps import deliver, dispatch, new_execution, parked, queued, row

DAY = 24 * 3600 * 1000


async def expired(backend: Backend) -> list[str]:
    assert backend.database is not None
    return await expire_unstarted(backend.database, timedelta(hours=24), clock=backend.clock)


async def test_what_was_never_started_ends_with_a_reason(sql_only: Backend) -> None:
    await parked(sql_only)
    sql_only.clock.move(DAY + 1)
    assert await expired(sql_only) == ["EX1"]
    ended = await row(sql_only)
    assert (ended.status, ended.error_message) == (Status.STOPPED, "never started")
    at = await dispatch(sql_only)
    assert (at.disposition, at.number) == (Disposition.DONE, 1)
    with pytest.raises(IllegalTransition):
        await deliver(sql_only, "start")
    assert await expired(sql_only) == []


async def test_its_journal_keeps_all_promises(sql_only: Backend) -> None:
    await parked(sql_only)
    sql_only.clock.move(DAY + 1)
    await expired(sql_only)
    stored = await sql_only.journal.get("EX1")
    assert stored is not None
    events = [decode(each) for each in await sql_only.journal.read("EX1", 0, 10)]
    assert verify(stored, events) == []
    assert events[-1].data == {"reason": "never started", "executionTime": 0}


async def test_what_is_young_or_was_started_is_left_alone(sql_only: Backend) -> None:
    await queued(sql_only, "EX1")
    sql_only.clock.move(DAY + 1)
    await sql_only.journal.create(new_execution(sql_only, "EX2"))
    assert await expired(sql_only) == []
