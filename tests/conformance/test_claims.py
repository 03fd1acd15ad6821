"""Who is next: what ran before goes first, owners take turns, and limits hold."""

from __future__ import annotations

import asyncio

from chaingraph.execution.isolation import TRIAL_MS, WAIT_MS
from chaingraph.execution.records import Disposition, Lease, Segment
from tests.conformance.backends import Backend
from tests.conformance.steps import (
    batch,
    claimed,
    deliver,
    dispatch,
    join,
    leased,
    queued,
    row,
    types,
)


async def next_ids(backend: Backend, limit: int, **more: int) -> list[str]:
    leases = await backend.fleet.claim_next("w1", limit, **more)
    return sorted(lease.execution_id for lease in leases)


async def line_up(backend: Backend, *waiting: tuple[str, str]) -> None:
    await join(backend, "w1")
    for execution_id, owner in waiting:
        await queued(backend, execution_id, owner)
        backend.clock.move(10)


async def test_the_oldest_go_first(backend: Backend) -> None:
    await line_up(backend, ("EX1", "a"), ("EX2", "a"), ("EX3", "a"))
    assert await next_ids(backend, 2) == ["EX1", "EX2"]
    assert await next_ids(backend, 2) == ["EX3"]
    assert await next_ids(backend, 2) == []


async def test_a_claim_is_a_lease_under_the_number_that_was_queued(backend: Backend) -> None:
    await line_up(backend, ("EX1", "a"))
    assert await backend.fleet.claim_next("w1", 5) == [Lease("EX1", 1, "w1")]
    at = await dispatch(backend)
    assert (at.disposition, at.holder, at.number) == (Disposition.LEASED, "w1", 1)
    assert (await row(backend)).processing_worker_id == "w1"


async def test_a_noisy_owner_waits_for_the_others(backend: Backend) -> None:
    noise = [(f"EX{n}", "noisy") for n in range(5)]
    await line_up(backend, *noise, ("EX8", "quiet"), ("EX9", "quiet"))
    assert await next_ids(backend, 2) == ["EX0", "EX8"]
    assert await next_ids(backend, 2) == ["EX1", "EX9"]


async def test_what_an_owner_runs_counts_for_his_turn(backend: Backend) -> None:
    await line_up(backend, ("EX1", "noisy"), ("EX2", "noisy"), ("EX3", "noisy"))
    assert await next_ids(backend, 2) == ["EX1", "EX2"]
    await queued(backend, "EX4", "quiet")
    assert await next_ids(backend, 1) == ["EX4"]


async def test_the_reserve_is_kept_for_owners_that_run_nothing(backend: Backend) -> None:
    await line_up(backend, *((f"EX{n}", "noisy") for n in range(5)))
    assert await next_ids(backend, 4, reserve=2) == ["EX0", "EX1"]
    assert await next_ids(backend, 2, reserve=2) == []
    for execution_id in ("EX7", "EX8"):
        await queued(backend, execution_id, "quiet")
    assert await next_ids(backend, 2, reserve=2) == ["EX7"]
    assert await next_ids(backend, 1, reserve=2) == []


async def test_many_owners_that_run_nothing_share_the_reserve(backend: Backend) -> None:
    await line_up(backend, ("EX1", "a"), ("EX2", "a"), ("EX3", "b"), ("EX4", "c"), ("EX5", "d"))
    assert await next_ids(backend, 3, reserve=2) == ["EX1", "EX3", "EX4"]


async def test_what_ran_before_goes_before_what_is_new(backend: Backend) -> None:
    await line_up(backend, ("EX1", "a"), ("EX2", "b"))
    lease = await claimed(backend, await queued(backend, "EX3", "c"))
    assert await backend.journal.hand_over(lease) is not None
    assert await next_ids(backend, 1) == ["EX3"]


async def test_no_more_run_in_all_workers_than_the_limit_says(backend: Backend) -> None:
    await line_up(backend, *((f"EX{n}", "a") for n in range(4)))
    assert await next_ids(backend, 3, most_running=2) == ["EX0", "EX1"]
    assert await next_ids(backend, 3, most_running=2) == []


async def lost(backend: Backend, execution_id: str, times: int) -> None:
    """It was running, and its worker was lost, so many times in a row."""
    segment: Segment | None = await queued(backend, execution_id)
    for n in range(times):
        assert segment is not None
        lease = await claimed(backend, segment, f"dead{n}")
        segment = await backend.fleet.take_over(lease, "w1", "worker is gone", poison=9)
    assert segment is not None


async def test_what_was_lost_once_runs_beside_others(backend: Backend) -> None:
    await line_up(backend, ("EX1", "a"))
    await lost(backend, "EX2", times=1)
    assert await next_ids(backend, 5) == ["EX1", "EX2"]


async def test_what_was_lost_twice_runs_alone(backend: Backend) -> None:
    await line_up(backend, ("EX1", "a"))
    await lost(backend, "EX2", times=2)
    assert await next_ids(backend, 5) == ["EX2"]
    assert await next_ids(backend, 5) == []
    await join(backend, "w2")
    assert [lease.execution_id for lease in await backend.fleet.claim_next("w2", 5)] == ["EX1"]


async def test_a_busy_worker_leaves_a_suspect_to_an_idle_one(backend: Backend) -> None:
    await line_up(backend, ("EX1", "a"))
    assert await next_ids(backend, 1) == ["EX1"]
    await lost(backend, "EX2", times=2)
    await queued(backend, "EX3")
    assert await next_ids(backend, 1) == ["EX3"]
    assert await next_ids(backend, 1) == []
    await join(backend, "w2")
    assert [lease.execution_id for lease in await backend.fleet.claim_next("w2", 5)] == ["EX2"]


async def test_a_suspect_that_completes_a_node_is_none_any_more(backend: Backend) -> None:
    await line_up(backend, ("EX1", "a"))
    await lost(backend, "EX2", times=2)
    (lease,) = await backend.fleet.claim_next("w1", 5)
    await backend.journal.append(batch(lease, 1, "node:completed", progress=True))
    assert await next_ids(backend, 5) == ["EX1"]


async def test_a_suspect_that_goes_on_living_is_none_any_more(backend: Backend) -> None:
    await line_up(backend, ("EX1", "a"))
    await lost(backend, "EX2", times=2)
    assert await next_ids(backend, 5) == ["EX2"]
    backend.clock.move(TRIAL_MS)
    assert await next_ids(backend, 5) == ["EX1"]


async def test_a_suspect_does_not_wait_for_ever_for_an_idle_worker(backend: Backend) -> None:
    await line_up(backend, ("EX1", "a"))
    assert await next_ids(backend, 1) == ["EX1"]
    await lost(backend, "EX2", times=2)
    backend.clock.move(WAIT_MS)
    assert await next_ids(backend, 5) == ["EX2"]


async def test_the_dead_claim_nothing(backend: Backend) -> None:
    await line_up(backend, ("EX1", "a"))
    await backend.fleet.declare_dead("w1", 0)
    assert await next_ids(backend, 1) == []


async def test_two_workers_never_claim_the_same(backend: Backend) -> None:
    await line_up(backend, *((f"EX{n:02}", "a") for n in range(20)))
    await join(backend, "w2")
    claims = await asyncio.gather(
        *(backend.fleet.claim_next(f"w{1 + n % 2}", 4) for n in range(10))
    )
    ids = [lease.execution_id for leases in claims for lease in leases]
    assert len(ids) == len(set(ids))


async def test_a_stop_that_is_not_obeyed_is_forced(backend: Backend) -> None:
    lease = await leased(backend)
    await deliver(backend, "stop")
    backend.clock.move(5_000)
    assert await backend.fleet.force_stops(10_000) == []
    backend.clock.move(5_001)
    assert await backend.fleet.force_stops(10_000) == [lease]
    assert await types(backend) == ["execution:created", "flow:cancelled"]
    at = await dispatch(backend)
    assert (at.disposition, at.number, at.inbox_cursor) == (Disposition.DONE, 2, 2)
    assert (await row(backend)).status == "stopped"
    assert await backend.fleet.force_stops(10_000) == []


async def test_nobody_is_forced_who_was_not_told_to_stop(backend: Backend) -> None:
    await leased(backend)
    backend.clock.move(60_000)
    assert await backend.fleet.force_stops(10_000) == []


async def test_the_queued_of_some_trees_oldest_first(backend: Backend) -> None:
    for each in ("EX2", "EX1", "EX3"):
        await queued(backend, each)
        backend.clock.move(1)
    found = await backend.journal.queued(frozenset(("EX1", "EX2")), 5)
    assert found == [Segment("EX2", 1), Segment("EX1", 1)]
    assert await backend.journal.queued(frozenset(("EX3",)), 5) == [Segment("EX3", 1)]
    assert len(await backend.journal.queued(frozenset(("EX1", "EX2")), 1)) == 1
