"""Tree commands: line 22 of the transition table."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from chaingraph.execution.family import farewell
from chaingraph.execution.records import Command, CommandKind, Disposition, Segment, Status
from tests.conformance.backends import Backend
from tests.conformance.families import (
    FAILED,
    PAUSED,
    ends,
    failing,
    give,
    new_child,
    parent_of,
    parking,
    resting,
)
from tests.conformance.steps import batch, claimed, deliver, dispatch, leased, queued, row

PAUSE = Command("p1", CommandKind.PAUSE, "ann", {"reason": "look", "tree": True})
RESUME = Command("r1", CommandKind.RESUME, "ann", {"tree": True})


async def statuses(backend: Backend, *ids: str) -> list[Status]:
    return [(await row(backend, each)).status for each in ids]


async def test_children_stop_with_a_parent_that_is_stopped(backend: Backend) -> None:
    await parent_of(backend, "EX2", "EX3")
    await give(backend, "EX1", "stop", "c1", reason="enough")
    assert (await backend.errands.cascade()).reached == ["EX2", "EX3"]
    assert await statuses(backend, "EX1", "EX2", "EX3") == [Status.STOPPED] * 3
    (stop,) = await backend.journal.inbox("EX2", 1)
    assert (stop.id, stop.kind, stop.caller) == ("tree:c1", "stop", "local")
    assert stop.data == {"reason": "enough"}
    assert (await backend.errands.cascade()).reached == []
    assert (await backend.errands.tell_parents()).queued == []


async def test_a_child_that_somebody_holds_finds_the_stop_in_its_inbox(backend: Backend) -> None:
    await parent_of(backend, "EX2")
    await claimed(backend, Segment("EX2", 1))
    await deliver(backend, "stop")
    assert (await backend.errands.cascade()).reached == ["EX2"]
    assert (await dispatch(backend, "EX2")).disposition is Disposition.LEASED
    assert await backend.fleet.unread("w1") == ["EX2"]


async def test_a_stop_goes_down_to_the_last_generation(backend: Backend) -> None:
    await parent_of(backend, "EX2")
    for depth, (parent, child) in enumerate((("EX2", "EX3"), ("EX3", "EX4")), 2):
        lease = await claimed(backend, Segment(parent, 1))
        children = (new_child(backend, child, parent, depth=depth),)
        await backend.journal.append(parking(lease, 1, children=children))
    await give(backend, "EX1", "stop", "c1", reason="enough")
    assert (await backend.errands.cascade()).reached == ["EX2", "EX3", "EX4"]
    assert (await row(backend, "EX4")).error_message == "enough"
    assert [each.id for each in await backend.journal.inbox("EX4", 1)] == ["tree:c1"]
    assert (await backend.errands.tell_parents()).queued == []


async def test_what_has_no_open_children_sends_nothing(backend: Backend) -> None:
    await parent_of(backend, "EX2")
    await ends(backend, "EX2")
    await backend.errands.tell_parents()
    await deliver(backend, "stop")
    assert (await backend.errands.cascade()).reached == []


async def test_children_stop_with_a_parent_that_fails(backend: Backend) -> None:
    lease = await leased(backend)
    children = (new_child(backend, "EX2"),)
    stop = farewell("EX1", FAILED)
    await backend.journal.append(replace(failing(lease, 1), children=children, cascade=stop))
    assert (await backend.errands.cascade()).reached == ["EX2"]
    assert (await row(backend, "EX2")).error_message == "broke"
    assert [each.id for each in await backend.journal.inbox("EX2", 1)] == ["tree:EX1"]


async def test_children_stop_with_a_parent_that_is_given_up(backend: Backend) -> None:
    lease = await leased(backend)
    await backend.journal.append(batch(lease, 1, children=(new_child(backend, "EX2"),)))
    await backend.fleet.take_over(lease, "w9", "lost", poison=1)
    assert (await backend.errands.cascade()).reached == ["EX2"]
    assert await statuses(backend, "EX1", "EX2") == [Status.FAILED, Status.STOPPED]


async def test_children_stop_with_a_parent_that_is_forced_to(backend: Backend) -> None:
    lease = await leased(backend)
    await backend.journal.append(batch(lease, 1, children=(new_child(backend, "EX2"),)))
    await deliver(backend, "stop")
    backend.clock.move(10_000)
    await backend.fleet.force_stops(1_000)
    assert (await backend.errands.cascade()).reached == ["EX2"]
    assert await statuses(backend, "EX1", "EX2") == [Status.STOPPED] * 2


async def test_an_end_may_name_what_goes_to_the_children(backend: Backend) -> None:
    lease = await leased(backend)
    stop = Command("c9", CommandKind.STOP, "ann", {"reason": "because"})
    children = (new_child(backend, "EX2"),)
    await backend.journal.append(replace(failing(lease, 1), children=children, cascade=stop))
    await backend.errands.cascade()
    (found,) = await backend.journal.inbox("EX2", 1)
    assert (found.id, found.caller) == ("c9", "ann")


async def test_a_pause_goes_on_to_the_children(backend: Backend) -> None:
    lease = await leased(backend)
    children = tuple(new_child(backend, each) for each in ("EX2", "EX3", "EX4"))
    await backend.journal.append(batch(lease, 1, children=children))
    resting_child = await claimed(backend, Segment("EX3", 1))
    await backend.journal.append(parking(resting_child, 1, wake_at=5_000))
    await ends(backend, "EX4")
    paused = batch(lease, 2, "flow:paused", folded=PAUSED, cascade=PAUSE)
    await backend.journal.append(paused)
    assert (await backend.errands.cascade()).reached == ["EX2", "EX3"]
    assert [each.data for each in await backend.journal.inbox("EX2", 1)] == [PAUSE.data]
    at = await dispatch(backend, "EX3")
    assert (at.disposition, at.number, at.wake_at) == (Disposition.QUEUED, 2, None)
    assert (await dispatch(backend, "EX4")).inbox_seq == 1


async def test_who_cannot_take_a_command_is_left_out(backend: Backend) -> None:
    await parent_of(backend, "EX2", "EX3")
    await deliver(backend, "pause", to="EX2")
    await pass_on(backend, PAUSE)
    assert (await backend.errands.cascade()).reached == ["EX3"]
    assert [each.id for each in await backend.journal.inbox("EX3", 1)] == ["p1"]


async def test_a_command_is_brought_once(backend: Backend) -> None:
    await parent_of(backend, "EX2", "EX3")
    await pass_on(backend, PAUSE)
    await backend.journal.deliver("EX2", PAUSE)
    both = (backend.errands.cascade() for _ in range(2))
    got = [each for found in await asyncio.gather(*both) for each in found.reached]
    assert got == ["EX3"]
    assert [(await dispatch(backend, each)).inbox_seq for each in ("EX2", "EX3")] == [2, 2]


async def test_a_later_command_replaces_an_earlier_one(backend: Backend) -> None:
    await parent_of(backend, "EX2")
    await pass_on(backend, PAUSE)
    await pass_on(backend, RESUME, number=3)
    assert (await backend.errands.cascade()).reached == []
    assert (await dispatch(backend, "EX2")).inbox_seq == 1


async def test_a_park_may_come_with_a_command_for_the_children(backend: Backend) -> None:
    lease = await leased(backend)
    children = (new_child(backend, "EX2"),)
    append = parking(lease, 1, children=children, cascade=PAUSE, folded=PAUSED)
    await backend.journal.append(append)
    assert (await backend.errands.cascade()).reached == ["EX2"]


async def test_only_the_trees_that_were_asked_for(backend: Backend) -> None:
    await parent_of(backend, "EX2")
    await queued(backend, "EX9")
    await deliver(backend, "stop")
    assert (await backend.errands.cascade(frozenset(["EX9"]))).reached == []
    assert (await backend.errands.cascade(frozenset(["EX1"]))).reached == ["EX2"]


@pytest.mark.parametrize("rests", [False, True])
async def test_a_stop_ends_a_thousand_children_soon(backend: Backend, rests: bool) -> None:
    ids = tuple(f"EX1-{n}" for n in range(1_000))
    inbox = () if rests else new_child(backend, "EX2").inbox
    await resting(backend, children=tuple(new_child(backend, n, inbox=inbox) for n in ids))
    await deliver(backend, "stop")
    began = time.monotonic()
    got = (await backend.errands.cascade()).reached
    assert time.monotonic() - began < 2
    assert len(got) == 1_000
    tree = await backend.journal.tree("EX1")
    assert {each.row.status for each in tree} == {Status.STOPPED}


async def pass_on(backend: Backend, command: Command, number: int = 2) -> None:
    """A parked parent is woken, passes the command on and is parked again."""
    await deliver(backend, "signal")
    lease = await claimed(backend, Segment("EX1", number))
    at = await dispatch(backend)
    append = parking(lease, at.next_position, seen=at.inbox_seq, cascade=command)
    await backend.journal.append(append)
