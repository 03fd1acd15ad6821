from __future__ import annotations

from chaingraph.durable.census import KEPT_SECONDS, census
from tests.conformance.backends import Backend
from tests.conformance.steps import leased, parked, queued
from tests.durable.executions import ended


async def test_executions_are_counted_by_status_and_who_acts_next(sql_only: Backend) -> None:
    await parked(sql_only, "EX1")
    await queued(sql_only, "EX2")
    await leased(sql_only, "EX3")
    await ended(sql_only, "EX4")
    assert sql_only.database is not None
    assert census(sql_only.database)() == {
        ("created", "parked"): 1,
        ("created", "queued"): 1,
        ("created", "leased"): 1,
        ("completed", "done"): 1,
    }


async def test_scrapes_in_a_row_cost_one_query(sql_only: Backend) -> None:
    now = 0.0
    assert sql_only.database is not None
    count = census(sql_only.database, lambda: now)
    assert count() == {}
    await parked(sql_only, "EX1")
    assert count() == {}
    now = KEPT_SECONDS
    assert count() == {("created", "parked"): 1}
