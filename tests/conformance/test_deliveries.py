"""Deliveries: lines 2 to 6 of the transition table."""

from __future__ import annotations

import asyncio

import pytest

from chaingraph.errors import ExecutionNotFound, IllegalTransition
from chaingraph.execution.commands import Answer
from chaingraph.execution.reading import decode
from chaingraph.execution.records import Disposition, Lease, Segment, Status
from tests.conformance.backends import Backend
from tests.conformance.steps import (
    batch,
    command,
    deliver,
    dispatch,
    ending,
    join,
    leased,
    parked,
    positions,
    queued,
    row,
    types,
)


async def test_start_queues_the_first_segment(backend: Backend) -> None:
    await parked(backend)
    assert (await deliver(backend, "start")).woke == 1
    at = await dispatch(backend)
    assert (at.disposition, at.number, at.inbox_seq) == (Disposition.QUEUED, 1, 1)
    assert (await row(backend)).status is Status.CREATED


async def test_the_inbox_keeps_what_was_delivered_in_order(backend: Backend) -> None:
    await leased(backend)
    await backend.journal.deliver("EX1", command("stop", "c2", reason="enough"))
    await backend.journal.deliver("EX1", command("stop", "c3"))
    stored = await backend.journal.inbox("EX1", 1)
    assert [(each.seq, each.id, each.kind, each.caller) for each in stored] == [
        (2, "c2", "stop", "local"),
        (3, "c3", "stop", "local"),
    ]
    assert stored[0].data == {"reason": "enough"}


async def test_a_repeated_command_gets_the_first_answer_and_does_nothing(backend: Backend) -> None:
    await parked(backend)
    await deliver(backend, "start", "c1")
    before = await dispatch(backend)
    assert await deliver(backend, "start", "c1") == Answer(repeated=True)
    assert await dispatch(backend) == before


async def test_a_repeated_command_is_answered_even_after_the_end(backend: Backend) -> None:
    await parked(backend)
    await deliver(backend, "stop", "c1")
    assert await deliver(backend, "stop", "c1") == Answer(repeated=True)
    assert await positions(backend) == [0, 1]


async def test_command_ids_of_two_executions_do_not_meet(backend: Backend) -> None:
    await parked(backend, "EX1")
    await parked(backend, "EX2")
    await deliver(backend, "start", "c1", to="EX1")
    assert (await deliver(backend, "start", "c1", to="EX2")).woke == 1


async def test_of_two_racing_starts_one_succeeds(backend: Backend) -> None:
    await parked(backend)
    racing = (deliver(backend, "start", f"c{n}") for n in range(8))
    answers = await asyncio.gather(*racing, return_exceptions=True)
    refused = [each for each in answers if isinstance(each, IllegalTransition)]
    assert len(refused) == 7
    assert (await dispatch(backend)).number == 1
    assert len(await backend.journal.inbox("EX1", 0)) == 1


@pytest.mark.parametrize("state", ["queued", "leased", "done"])
async def test_a_second_start_is_refused_and_changes_nothing(backend: Backend, state: str) -> None:
    await bring_to(backend, state)
    before = await dispatch(backend)
    with pytest.raises(IllegalTransition):
        await deliver(backend, "start", "another")
    assert await dispatch(backend) == before


@pytest.mark.parametrize("state", ["parked", "queued"])
async def test_stop_ends_what_nobody_holds_at_once(backend: Backend, state: str) -> None:
    await bring_to(backend, state)
    number = (await dispatch(backend)).number
    backend.clock.move(2_000)
    await backend.journal.deliver("EX1", command("stop", reason="enough"))
    at, found = await dispatch(backend), await row(backend)
    assert (at.disposition, at.number) == (Disposition.DONE, number + 1)
    assert at.inbox_cursor == at.inbox_seq
    assert (found.status, found.error_message) == (Status.STOPPED, "enough")
    assert found.completed_at == found.updated_at
    last = (await backend.journal.read("EX1", 0, 10))[-1]
    assert (last.position, last.type, last.at) == (1, "flow:cancelled", backend.clock())
    assert decode(last).data == {"reason": "enough", "executionTime": 0}


async def test_a_segment_that_was_stopped_while_queued_is_not_to_be_had(backend: Backend) -> None:
    segment = await queued(backend)
    await join(backend)
    await deliver(backend, "stop")
    assert await backend.journal.claim(segment, "w1") is None


async def test_stop_of_a_held_execution_is_left_to_its_holder(backend: Backend) -> None:
    await leased(backend)
    before = await dispatch(backend)
    assert await deliver(backend, "stop") == Answer()
    at = await dispatch(backend)
    assert (at.disposition, at.number, at.holder) == (Disposition.LEASED, before.number, "w1")
    assert (at.inbox_seq, at.inbox_cursor) == (2, 0)
    assert await types(backend) == ["execution:created"]


async def test_stop_of_an_ended_execution_is_refused(backend: Backend) -> None:
    await bring_to(backend, "done")
    before = await dispatch(backend)
    with pytest.raises(IllegalTransition):
        await deliver(backend, "stop")
    assert await dispatch(backend) == before


async def test_a_delivery_to_nobody_is_refused(backend: Backend) -> None:
    with pytest.raises(ExecutionNotFound):
        await deliver(backend, "start", to="EX9")


async def test_a_reason_may_hold_any_characters(backend: Backend) -> None:
    await parked(backend)
    reason = "a\u0000b\ud800c\U0001f600"
    await backend.journal.deliver("EX1", command("stop", reason=reason))
    assert (await backend.journal.inbox("EX1", 0))[0].data == {"reason": reason}
    assert decode((await backend.journal.read("EX1", 1, 1))[0]).data["reason"] == reason
    assert (await row(backend)).error_message == "a?b?c\U0001f600"


async def bring_to(backend: Backend, state: str) -> None:
    match state:
        case "parked":
            await parked(backend)
        case "queued":
            await queued(backend)
        case "leased":
            await leased(backend)
        case "done":
            lease: Lease = await leased(backend)
            await backend.journal.append(ending(lease, 1))
        case _:
            raise ValueError(state)


async def test_a_segment_is_named_after_its_number() -> None:
    assert Segment("EX1", 1).workflow_id == "EX1"
    assert Segment("EX1", 3).workflow_id == "EX1.3"


async def test_a_segment_opens_its_row_its_journal_and_what_is_unread(backend: Backend) -> None:
    lease = await leased(backend)
    await backend.journal.append(batch(lease, 1, "flow:started", "node:started"))
    await backend.journal.deliver("EX1", command("stop", "c2"))
    opened = await backend.journal.open("EX1", 2)
    assert opened is not None
    assert opened.stored == await backend.journal.get("EX1")
    assert opened.entries == await backend.journal.read("EX1", 0, 2)
    assert [each.id for each in opened.unread] == ["c2"]
    assert await backend.journal.open("EX9", 2) is None
