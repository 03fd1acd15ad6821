"""Parking: line 13 of the transition table, and what wakes a parked execution."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaingraph.errors import Fenced, IllegalTransition, InboxMoved
from chaingraph.execution.records import Blob, Disposition, Segment, Status
from tests.conformance.backends import Backend
from tests.conformance.families import PAUSED, give, parking, resting
from tests.conformance.steps import (
    batch,
    claimed,
    command,
    deliver,
    dispatch,
    leased,
    queued,
    row,
    types,
)


async def test_a_park_gives_the_lease_back_and_keeps_the_number(backend: Backend) -> None:
    lease = await resting(backend, wake_at=5_000)
    at = await dispatch(backend)
    assert (at.disposition, at.number, at.holder) == (Disposition.PARKED, 1, None)
    assert (at.wake_at, at.next_position, at.inbox_cursor) == (5_000, 2, 1)
    assert (await row(backend)).status is Status.RUNNING
    assert await types(backend) == ["execution:created", "flow:parked"]
    assert await backend.fleet.leases("w1") == []
    with pytest.raises(Fenced):
        await backend.journal.append(batch(lease, 2))


async def test_a_park_comes_with_its_entries_and_blobs(backend: Backend) -> None:
    lease = await leased(backend)
    append = parking(lease, 1, blobs=(Blob("h1", b"x"), Blob("h1", b"x")), progress=True)
    await backend.journal.append(append)
    assert tuple(await backend.journal.read("EX1", 1, 10)) == append.entries
    assert await backend.journal.blobs("EX1", ["h1"]) == {"h1": b"x"}


async def test_progress_before_a_park_forgets_failures(backend: Backend) -> None:
    segment = await backend.fleet.take_over(await leased(backend), "w2", "lost", poison=9)
    assert segment is not None
    lease = await claimed(backend, segment)
    await backend.journal.append(parking(lease, 1, progress=True))
    assert (await row(backend)).failure_count == 0


async def test_a_park_is_refused_when_a_command_came_first(backend: Backend) -> None:
    lease = await leased(backend)
    await deliver(backend, "signal")
    with pytest.raises(InboxMoved):
        await backend.journal.append(parking(lease, 1, seen=1))
    assert await types(backend) == ["execution:created"]
    assert (await dispatch(backend)).disposition is Disposition.LEASED
    await backend.journal.append(parking(lease, 1, seen=2))


async def test_what_is_seen_and_not_applied_does_not_hinder_a_park(backend: Backend) -> None:
    lease = await leased(backend)
    await deliver(backend, "signal")
    await backend.journal.append(parking(lease, 1, seen=2, cursor=1, folded=PAUSED))
    at = await dispatch(backend)
    assert (at.disposition, at.inbox_seq, at.inbox_cursor) == (Disposition.PARKED, 2, 1)


async def test_a_park_under_a_lost_lease_or_position_is_fenced(backend: Backend) -> None:
    lease = await leased(backend)
    await deliver(backend, "signal")
    lost = (replace(lease, number=9), replace(lease, worker_id="w9"))
    for late in (parking(lost[0], 1), parking(lost[1], 1), parking(lease, 2)):
        with pytest.raises(Fenced):
            await backend.journal.append(late)
    assert await types(backend) == ["execution:created"]


async def test_a_park_whose_answer_was_lost_may_be_repeated(backend: Backend) -> None:
    append = parking(await leased(backend), 1, wake_at=5_000)
    await backend.journal.append(append)
    before = await dispatch(backend)
    await backend.journal.append(append)
    assert await dispatch(backend) == before
    await deliver(backend, "signal")
    await backend.journal.append(append)
    assert (await dispatch(backend)).disposition is Disposition.QUEUED


@pytest.mark.parametrize("kind", ["signal", "pause"])
async def test_what_a_running_one_waits_for_wakes_it(backend: Backend, kind: str) -> None:
    await resting(backend, wake_at=5_000)
    backend.clock.move(10)
    assert (await deliver(backend, kind)).woke == 2
    at = await dispatch(backend)
    assert (at.disposition, at.number, at.wake_at) == (Disposition.QUEUED, 2, None)
    await claimed(backend, Segment("EX1", 2), "w2")


async def test_breakpoints_do_not_wake(backend: Backend) -> None:
    await resting(backend)
    assert (await deliver(backend, "breakpoints")).woke is None
    assert (await dispatch(backend)).disposition is Disposition.PARKED


async def test_a_woken_one_is_woken_once(backend: Backend) -> None:
    await resting(backend)
    await deliver(backend, "signal")
    assert (await deliver(backend, "signal")).woke is None
    at = await dispatch(backend)
    assert (at.number, at.inbox_seq) == (2, 3)


async def test_a_paused_one_keeps_what_comes_and_goes_on_at_resume(backend: Backend) -> None:
    await resting(backend, folded=PAUSED)
    for kind in ("signal", "breakpoints"):
        assert (await deliver(backend, kind)).woke is None
    assert (await dispatch(backend)).disposition is Disposition.PARKED
    assert (await deliver(backend, "resume")).woke == 2
    unread = await backend.journal.inbox("EX1", 1)
    assert [each.kind for each in unread] == ["signal", "breakpoints", "resume"]


@pytest.mark.parametrize("kind", ["resume", "step"])
async def test_a_paused_one_is_woken_by(backend: Backend, kind: str) -> None:
    await resting(backend, folded=PAUSED)
    assert (await deliver(backend, kind)).woke == 2


async def test_stop_ends_a_parked_one_at_once(backend: Backend) -> None:
    await resting(backend, wake_at=5_000, folded=PAUSED)
    await deliver(backend, "stop")
    at = await dispatch(backend)
    assert (at.disposition, at.number, at.wake_at) == (Disposition.DONE, 2, None)
    assert (await row(backend)).status is Status.STOPPED


async def test_pause_and_resume_before_anything_is_applied(backend: Backend) -> None:
    await leased(backend)
    for kind in ("pause", "resume", "pause"):
        await deliver(backend, kind)
    assert (await dispatch(backend)).inbox_seq == 4


async def test_a_second_pause_is_refused_before_the_first_is_applied(backend: Backend) -> None:
    await leased(backend)
    await deliver(backend, "pause", "c1")
    before = await dispatch(backend)
    with pytest.raises(IllegalTransition):
        await deliver(backend, "pause", "c2")
    assert await dispatch(backend) == before
    assert (await deliver(backend, "pause", "c1")).repeated


async def test_a_pause_of_a_queued_one_counts_it_as_running(backend: Backend) -> None:
    await queued(backend)
    await deliver(backend, "pause")
    await deliver(backend, "step")
    with pytest.raises(IllegalTransition):
        await deliver(backend, "pause")


@pytest.mark.parametrize("kind", ["step", "resume"])
async def test_only_a_paused_one(backend: Backend, kind: str) -> None:
    await leased(backend)
    with pytest.raises(IllegalTransition):
        await deliver(backend, kind)


async def test_what_is_applied_is_not_judged_again(backend: Backend) -> None:
    lease = await leased(backend)
    await deliver(backend, "pause")
    await backend.journal.append(batch(lease, 1, "flow:paused", folded=PAUSED, cursor=2))
    await deliver(backend, "resume")
    await deliver(backend, "pause")


async def test_a_signal_keeps_its_value(backend: Backend) -> None:
    await resting(backend)
    await give(backend, "EX1", "signal", "s1", name="approved", value={"by": ["ann"]})
    (found,) = await backend.journal.inbox("EX1", 1)
    assert found.data == {"name": "approved", "value": {"by": ["ann"]}}
    assert found == replace(command("signal", "s1"), data=found.data, seq=2, at=found.at)
