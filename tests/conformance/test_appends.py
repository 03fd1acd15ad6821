"""Claims and appends: lines 7 to 10 and 14 of the transition table."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from chaingraph.errors import Fenced, InboxMoved, StoreUnavailable
from chaingraph.execution.fold import Folded
from chaingraph.execution.ports import Append
from chaingraph.execution.records import Blob, Disposition, Segment, Status
from chaingraph.execution.times import from_ms
from chaingraph.superjson import dumps, loads
from tests.conformance.backends import Backend
from tests.conformance.steps import (
    batch,
    claimed,
    deliver,
    dispatch,
    ending,
    join,
    leased,
    positions,
    queued,
    row,
    types,
)


async def test_a_claim_takes_the_lease(backend: Backend) -> None:
    segment = await queued(backend)
    backend.clock.move(700)
    lease = await claimed(backend, segment)
    assert (lease.execution_id, lease.number, lease.worker_id) == ("EX1", 1, "w1")
    at, found = await dispatch(backend), await row(backend)
    assert (at.disposition, at.holder) == (Disposition.LEASED, "w1")
    assert found.processing_worker_id == "w1"
    assert found.processing_started_at == from_ms(backend.clock())


async def test_a_claim_needs_the_number_that_is_queued(backend: Backend) -> None:
    await queued(backend)
    await join(backend)
    assert await backend.journal.claim(Segment("EX1", 2), "w1") is None
    assert await backend.journal.claim(Segment("EX9", 1), "w1") is None
    assert (await dispatch(backend)).disposition is Disposition.QUEUED


async def test_a_segment_is_claimed_once(backend: Backend) -> None:
    segment = await queued(backend)
    for worker_id in ("w1", "w2"):
        await join(backend, worker_id)
    claims = (backend.journal.claim(segment, worker_id) for worker_id in ("w1", "w2"))
    leases = await asyncio.gather(*claims)
    assert sum(lease is not None for lease in leases) == 1


async def test_who_was_declared_dead_or_never_joined_claims_nothing(backend: Backend) -> None:
    segment = await queued(backend)
    await join(backend, "w1")
    assert await backend.fleet.declare_dead("w1", 0)
    assert await backend.journal.claim(segment, "w1") is None
    assert await backend.journal.claim(segment, "w2") is None


async def test_an_append_moves_position_and_cursor(backend: Backend) -> None:
    lease = await leased(backend)
    backend.clock.move(5)
    await backend.journal.append(batch(lease, 1, "flow:started", "node:started", cursor=1))
    at = await dispatch(backend)
    assert (at.next_position, at.inbox_cursor) == (3, 1)
    assert await positions(backend) == [0, 1, 2]
    assert (await row(backend)).updated_at == from_ms(backend.clock())


async def test_the_state_columns_move_with_the_event(backend: Backend) -> None:
    lease = await leased(backend)
    folded = Folded(Status.RUNNING, started_at=1_234)
    await backend.journal.append(batch(lease, 1, "flow:started", folded=folded))
    found = await row(backend)
    assert (found.status, found.started_at) == (Status.RUNNING, from_ms(1_234))
    await backend.journal.append(batch(lease, 2))
    assert (await row(backend)).status is Status.RUNNING


async def test_an_append_of_nothing_proves_the_lease(backend: Backend) -> None:
    lease = await leased(backend)
    nothing = replace(batch(lease, 1), entries=())
    await backend.journal.append(nothing)
    assert await positions(backend) == [0]
    with pytest.raises(Fenced):
        await backend.journal.append(
            replace(nothing, batch_id="b2", lease=replace(lease, number=7))
        )


@pytest.mark.parametrize(
    "wrong",
    [{"number": 2}, {"number": 0}, {"worker_id": "w2"}, {"execution_id": "EX9"}],
    ids=["later-number", "earlier-number", "other-holder", "unknown"],
)
async def test_an_append_without_the_lease_is_fenced(
    backend: Backend, wrong: dict[str, object]
) -> None:
    lease = await leased(backend)
    with pytest.raises(Fenced):
        await backend.journal.append(batch(replace(lease, **wrong), 1))  # type: ignore[arg-type]
    assert await positions(backend) == [0]


@pytest.mark.parametrize("position", [0, 2])
async def test_an_append_at_another_position_is_fenced(backend: Backend, position: int) -> None:
    lease = await leased(backend)
    with pytest.raises(Fenced):
        await backend.journal.append(batch(lease, position))
    assert await positions(backend) == [0]


async def test_a_batch_whose_answer_was_lost_succeeds_again(backend: Backend) -> None:
    lease = await leased(backend)
    append = batch(lease, 1, "flow:started", "node:started")
    await backend.journal.append(append)
    await backend.journal.append(append)
    assert await positions(backend) == [0, 1, 2]


async def test_a_terminal_batch_whose_answer_was_lost_succeeds_again(backend: Backend) -> None:
    lease = await leased(backend)
    append = ending(lease, 1)
    await backend.journal.append(append)
    await backend.journal.append(append)
    assert await types(backend) == ["execution:created", "flow:completed"]


async def test_the_terminal_append_ends_the_execution(backend: Backend) -> None:
    lease = await leased(backend)
    await backend.journal.append(ending(lease, 1))
    at, found = await dispatch(backend), await row(backend)
    assert (at.disposition, at.holder, at.number) == (Disposition.DONE, None, 2)
    assert found.status is Status.COMPLETED
    assert found.completed_at == from_ms(2_000)
    assert await backend.fleet.leases("w1") == []


async def test_nothing_comes_after_the_terminal_append(backend: Backend) -> None:
    lease = await leased(backend)
    await backend.journal.append(ending(lease, 1))
    for late in (batch(lease, 2), ending(lease, 2), batch(replace(lease, number=2), 2)):
        with pytest.raises(Fenced):
            await backend.journal.append(late)
    assert await positions(backend) == [0, 1]


async def test_an_end_is_refused_when_a_command_came_first(backend: Backend) -> None:
    lease = await leased(backend)
    await deliver(backend, "stop")
    with pytest.raises(InboxMoved):
        await backend.journal.append(ending(lease, 1, seen=1))
    assert await positions(backend) == [0]
    assert (await dispatch(backend)).disposition is Disposition.LEASED
    await backend.journal.append(ending(lease, 1, seen=2, cursor=2))
    assert (await dispatch(backend)).inbox_cursor == 2


async def test_an_end_under_a_lost_lease_is_fenced_whatever_the_inbox_says(
    backend: Backend,
) -> None:
    lease = await leased(backend)
    await deliver(backend, "stop")
    with pytest.raises(Fenced):
        await backend.journal.append(ending(replace(lease, number=9), 1, seen=1))


async def test_many_executions_at_once_have_no_gap(backend: Backend) -> None:
    leases = [await leased(backend, f"EX{n}") for n in range(20)]

    async def run(n: int) -> None:
        at = 1
        for _ in range(10):
            await backend.journal.append(batch(leases[n], at, *["node:started"] * (n % 3 + 1)))
            at += n % 3 + 1

    await asyncio.gather(*map(run, range(20)))
    for n in range(20):
        expected = 1 + 10 * (n % 3 + 1)
        assert await positions(backend, f"EX{n}") == list(range(expected))
        assert (await dispatch(backend, f"EX{n}")).next_position == expected


async def test_a_refused_member_of_a_group_does_not_disturb_the_others(backend: Backend) -> None:
    leases = [await leased(backend, f"EX{n}") for n in range(6)]
    group = [batch(lease, 1) for lease in leases]
    group[2] = batch(replace(leases[2], number=9), 1)
    done = await together(backend, group)
    assert [type(each).__name__ for each in done] == [
        "Fenced" if n == 2 else "NoneType" for n in range(6)
    ]
    assert [await positions(backend, f"EX{n}") for n in range(6)] == [
        [0] if n == 2 else [0, 1] for n in range(6)
    ]


async def test_a_stale_member_and_its_successor_in_one_group(backend: Backend) -> None:
    """A worker that began a new life may have an append of the old one on its way."""
    stale = await leased(backend, "EX1")
    segment = await backend.journal.hand_over(stale)
    assert segment is not None
    lease = await claimed(backend, segment, "w1")
    other = await leased(backend, "EX2")
    for first, second in ((stale, lease), (lease, stale)):
        at = (await dispatch(backend)).next_position
        group = [
            batch(first, at, "node:failed"),
            batch(second, at, "node:failed"),
            batch(other, at),
        ]
        group = [replace(each, cursor=each.lease.number) for each in group]
        done = await together(backend, group)
        fenced = [isinstance(each, Fenced) for each in done]
        assert fenced == [first is stale, second is stale, False]
        assert (await dispatch(backend)).inbox_cursor == lease.number
    assert await positions(backend) == [0, 1, 2]


async def together(backend: Backend, group: list[Append]) -> list[BaseException | None]:
    appends = (backend.journal.append(each) for each in group)
    return await asyncio.gather(*appends, return_exceptions=True)


async def test_a_guilty_member_of_a_group_fails_alone(sql_only: Backend) -> None:
    backend = sql_only
    leases = [await leased(backend, f"EX{n}") for n in range(4)]
    group = [batch(lease, 1) for lease in leases]
    there = replace(group[1].entries[0], position=0)
    group[1] = replace(group[1], entries=(there,))
    done = await together(backend, group)
    assert isinstance(done[1], StoreUnavailable)
    assert [done[0], done[2], done[3]] == [None, None, None]
    assert [len(await positions(backend, f"EX{n}")) for n in range(4)] == [2, 1, 2, 2]
    assert (await dispatch(backend, "EX1")).next_position == 1
    await backend.journal.append(batch(leases[1], 1))


async def test_a_member_that_no_driver_can_send_fails_alone(sql_only: Backend) -> None:
    backend = sql_only
    one, other = await leased(backend, "EX1"), await leased(backend, "EX2")
    broken = Folded(Status.RUNNING, error_message="half a pair: \ud800")
    done = await together(backend, [batch(one, 1, folded=broken), batch(other, 1)])
    assert isinstance(done[0], StoreUnavailable)
    assert done[1] is None
    await backend.journal.append(batch(one, 1))


async def test_a_payload_may_hold_any_characters(backend: Backend) -> None:
    lease = await leased(backend)
    other = await leased(backend, "EX2")
    value = {"values": {"a": "\u0000", "b": "\ud800", "\udfff": "\U0001f600"}}
    done = await together(backend, [batch(lease, 1, data=dumps(value)), batch(other, 1)])
    assert done == [None, None]
    assert loads((await backend.journal.read("EX1", 1, 1))[0].data) == value


async def test_blobs_come_with_their_event(backend: Backend) -> None:
    lease = await leased(backend)
    blobs = (Blob("h1", b"\x00" * 300_000), Blob("h2", b"x"))
    await backend.journal.append(batch(lease, 1, blobs=blobs))
    found = await backend.journal.blobs("EX1", ["h1", "h2", "h3"])
    assert found == {"h1": b"\x00" * 300_000, "h2": b"x"}
    assert await backend.journal.blobs("EX2", ["h1"]) == {}


async def test_a_blob_twice_is_one_and_a_refused_one_is_none(backend: Backend) -> None:
    lease = await leased(backend)
    blob = Blob("h1", b"x")
    await backend.journal.append(batch(lease, 1, blobs=(blob, blob)))
    await backend.journal.append(batch(lease, 2, blobs=(blob,)))
    with pytest.raises(Fenced):
        await backend.journal.append(batch(lease, 9, blobs=(Blob("h2", b"y"),)))
    assert await backend.journal.blobs("EX1", ["h1", "h2"]) == {"h1": b"x"}


async def test_reads_are_contiguous_pages(backend: Backend) -> None:
    lease = await leased(backend)
    await backend.journal.append(batch(lease, 1, *["node:started"] * 9))
    pages = [await backend.journal.read("EX1", start, 4) for start in (0, 4, 8, 10, 99)]
    assert [[each.position for each in page] for page in pages] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9],
        [],
        [],
    ]


async def test_entries_come_back_as_they_were(backend: Backend) -> None:
    lease = await leased(backend)
    append = batch(lease, 1, "node:started", "node:completed", data=b'{"json":{"a":"\xc3\xa4"}}')
    await backend.journal.append(append)
    assert tuple(await backend.journal.read("EX1", 1, 10)) == append.entries


async def test_hand_over_queues_the_next_segment(backend: Backend) -> None:
    lease = await leased(backend)
    assert await backend.journal.hand_over(lease) == Segment("EX1", 2)
    at = await dispatch(backend)
    assert (at.disposition, at.number, at.holder) == (Disposition.QUEUED, 2, None)
    assert await backend.journal.hand_over(lease) is None
    with pytest.raises(Fenced):
        await backend.journal.append(batch(lease, 1))
    assert (await row(backend)).failure_count == 0
