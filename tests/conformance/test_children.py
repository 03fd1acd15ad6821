"""Children: lines 11 and 21 of the transition table."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from chaingraph.errors import Fenced, IdempotencyConflict, InboxMoved
from chaingraph.execution.family import farewell
from chaingraph.execution.ports import PassedOn
from chaingraph.execution.records import (
    Blob,
    Command,
    CommandKind,
    Disposition,
    Entry,
    Segment,
    Status,
)
from tests.conformance.backends import Backend
from tests.conformance.families import (
    FAILED,
    PAUSED,
    ends,
    failing,
    new_child,
    parent_of,
    parking,
    resting,
)
from tests.conformance.steps import (
    batch,
    claimed,
    deliver,
    dispatch,
    ending,
    join,
    leased,
    new_execution,
    positions,
    row,
)

START = Command("s1", CommandKind.START, "local", {})


async def test_an_execution_may_be_born_started(backend: Backend) -> None:
    pause = Command("p1", CommandKind.PAUSE, "ann", {"reason": "tree"})
    assert await backend.journal.create(new_execution(backend, inbox=(START, pause))) == "EX1"
    at = await dispatch(backend)
    assert (at.disposition, at.number, at.inbox_seq) == (Disposition.QUEUED, 1, 2)
    found = await backend.journal.inbox("EX1", 0)
    expected = [replace(START, seq=1), replace(pause, seq=2)]
    assert found == [replace(each, at=backend.clock()) for each in expected]
    await join(backend)
    assert [each.execution_id for each in await backend.fleet.claim_next("w1", 5)] == ["EX1"]


async def test_born_twice_is_once(backend: Backend) -> None:
    new = new_execution(backend, inbox=(START,), key="local:k", input_hash="h")
    again = replace(new, id="EX2", root_execution_id="EX2")
    assert [await backend.journal.create(each) for each in (new, new, again)] == ["EX1"] * 3
    assert (await dispatch(backend)).number == 1
    assert (await deliver(backend, "start", "s1")).repeated
    with pytest.raises(IdempotencyConflict):
        await backend.journal.create(replace(again, input_hash="other"))


async def test_what_was_born_started_is_brought(sql_only: Backend) -> None:
    await sql_only.journal.create(new_execution(sql_only, "EX9", inbox=(START,)))
    await parent_of(sql_only, "EX3", "EX4")
    sql_only.clock.move(60_000)
    assert await sql_only.fleet.stranded() == []


async def test_a_fork_takes_entries_and_their_blobs_along(backend: Backend) -> None:
    lease = await leased(backend, "EX1")
    blobs = (Blob("h1", b"1"), Blob("h2", b"2"))
    await backend.journal.append(batch(lease, 1, blobs=blobs))
    large = b'{"json":{"nodeId":"A","values":{},"large":{"out":{"$blob":"h1","size":1}}}}'
    taken = (Entry(1, "node:started", 5, b'{"json":{}}'), Entry(2, "node:completed", 6, large))
    fork = new_execution(
        backend, "EX2", forked_from="EX1", taken_over=taken, blobs_of="EX1", inbox=(START,)
    )
    await backend.journal.create(fork)
    await backend.journal.create(fork)
    assert (await row(backend, "EX2")).forked_from == "EX1"
    assert (await dispatch(backend, "EX2")).next_position == 3
    assert tuple(await backend.journal.read("EX2", 0, 9)) == (fork.created, *taken)
    assert await backend.journal.blobs("EX2", ["h1", "h2"]) == {"h1": b"1"}
    assert (await row(backend, "EX1")).forked_from is None


async def test_children_are_made_by_the_append_of_their_parent(backend: Backend) -> None:
    lease = await leased(backend)
    children = (new_child(backend, "EX2"), new_child(backend, "EX3", inbox=()))
    await backend.journal.append(batch(lease, 1, children=children))
    assert (await dispatch(backend)).open_children == 2
    assert (await dispatch(backend)).disposition is Disposition.LEASED
    child = await row(backend, "EX2")
    assert (child.parent_execution_id, child.root_execution_id) == ("EX1", "EX1")
    assert child.execution_depth == 1
    found = [(await dispatch(backend, each)).disposition for each in ("EX2", "EX3")]
    assert found == [Disposition.QUEUED, Disposition.PARKED]
    assert await positions(backend, "EX2") == [0]
    assert await backend.journal.flow_of("hash-1") == b'{"nodes":[]}'
    await backend.journal.append(batch(lease, 2, children=(new_child(backend, "EX4"),)))
    assert (await dispatch(backend)).open_children == 3
    assert [each.row.id for each in await backend.journal.tree("EX1")] == [
        "EX1",
        "EX2",
        "EX3",
        "EX4",
    ]


async def test_children_of_a_refused_append_do_not_exist(backend: Backend) -> None:
    lease = await leased(backend)
    await deliver(backend, "signal")
    child = (new_child(backend, "EX2"),)
    for refused, error in (
        (batch(replace(lease, number=9), 1, children=child), Fenced),
        (batch(lease, 9, children=child), Fenced),
        (parking(lease, 1, seen=1, children=child), InboxMoved),
    ):
        with pytest.raises(error):
            await backend.journal.append(refused)
    assert await backend.journal.get("EX2") is None
    assert (await dispatch(backend)).open_children == 0


async def test_children_of_an_append_whose_answer_was_lost_are_made_once(backend: Backend) -> None:
    append = batch(await leased(backend), 1, children=(new_child(backend, "EX2"),))
    await backend.journal.append(append)
    await claimed(backend, Segment("EX2", 1))
    await backend.journal.append(append)
    assert (await dispatch(backend)).open_children == 1
    assert (await dispatch(backend, "EX2")).disposition is Disposition.LEASED


async def test_a_thousand_children_of_one_append(backend: Backend) -> None:
    lease = await leased(backend)
    children = tuple(new_child(backend, f"EX1-{n}") for n in range(1_000))
    await backend.journal.append(batch(lease, 1, children=children))
    assert (await dispatch(backend)).open_children == 1_000
    assert len(await backend.journal.heads("EX1")) == 1_001


async def test_the_heads_of_a_tree(backend: Backend) -> None:
    await parent_of(backend, "EX2", "EX3")
    await leased(backend, "EX9")
    assert await backend.journal.heads("EX1") == {"EX1": 2, "EX2": 1, "EX3": 1}
    assert await backend.journal.heads("EX0") == {}


async def test_the_last_child_wakes_its_parent(backend: Backend) -> None:
    await parent_of(backend, "EX2", "EX3")
    await ends(backend, "EX2")
    assert (await backend.errands.tell_parents()).queued == []
    at = await dispatch(backend)
    assert (at.disposition, at.open_children) == (Disposition.PARKED, 1)
    await ends(backend, "EX3")
    assert (await backend.errands.tell_parents()).queued == [Segment("EX1", 2)]
    at = await dispatch(backend)
    assert (at.disposition, at.open_children) == (Disposition.QUEUED, 0)
    told = await backend.journal.inbox("EX1", 1)
    assert [(each.id, each.kind) for each in told] == [
        ("child:EX2", "child"),
        ("child:EX3", "child"),
    ]
    ended = {"executionId": "EX2", "status": "completed", "error": None, "wakes": False}
    assert told[0].data == ended
    await claimed(backend, Segment("EX1", 2))


async def test_a_child_is_told_of_once(backend: Backend) -> None:
    await parent_of(backend, "EX2", "EX3")
    await ends(backend, "EX2")
    both = (backend.errands.tell_parents() for _ in range(2))
    assert [each.queued for each in await asyncio.gather(*both)] == [[], []]
    await backend.errands.tell_parents()
    at = await dispatch(backend)
    assert (at.open_children, at.inbox_seq) == (1, 2)


async def test_a_child_that_is_told_of_again_after_a_crash_counts_once(backend: Backend) -> None:
    """The second transaction, which marks the child as told, may be lost."""
    await parent_of(backend, "EX2", "EX3")
    await ends(backend, "EX2")
    known = Command("child:EX2", CommandKind.CHILD, "chaingraph", {"status": "completed"})
    await backend.journal.deliver("EX1", known)
    await backend.errands.tell_parents()
    at = await dispatch(backend)
    assert (at.open_children, at.inbox_seq) == (1, 2)


async def test_children_that_ended_together_are_told_together(backend: Backend) -> None:
    await parent_of(backend, "EX2", "EX3")
    for each in ("EX2", "EX3"):
        await ends(backend, each)
    assert (await backend.errands.tell_parents()).queued == [Segment("EX1", 2)]
    at = await dispatch(backend)
    assert (at.number, at.open_children, at.inbox_seq) == (2, 0, 3)


async def test_an_awaited_child_wakes_before_the_others(backend: Backend) -> None:
    lease = await leased(backend)
    children = (new_child(backend, "EX2", awaited=True), new_child(backend, "EX3"))
    await backend.journal.append(parking(lease, 1, children=children))
    await ends(backend, "EX2")
    assert (await backend.errands.tell_parents()).queued == [Segment("EX1", 2)]
    assert (await dispatch(backend)).open_children == 1


@pytest.mark.parametrize(("rule", "woken"), [("ignore", []), ("fail", [Segment("EX1", 1)])])
async def test_a_failed_child_wakes_if_the_parent_fails_with_it(
    backend: Backend, rule: str, woken: list[Segment]
) -> None:
    options = {"execution": {"childFailure": rule}}
    await backend.journal.create(new_execution(backend, inbox=(START,), options=options))
    lease = await claimed(backend, Segment("EX1", 1))
    children = tuple(new_child(backend, each) for each in ("EX2", "EX3"))
    await backend.journal.append(parking(lease, 1, children=children))
    await ends(backend, "EX2", failing)
    assert (await backend.errands.tell_parents()).queued == [
        replace(each, number=2) for each in woken
    ]
    (told,) = await backend.journal.inbox("EX1", 1)
    ended = {"executionId": "EX2", "status": "failed", "error": FAILED.error_message}
    assert told.data == {**ended, "wakes": bool(woken)}


async def test_a_paused_parent_keeps_the_news_of_its_children(backend: Backend) -> None:
    await resting(backend, children=(new_child(backend, "EX2"),), folded=PAUSED)
    await ends(backend, "EX2")
    assert (await backend.errands.tell_parents()).queued == []
    at = await dispatch(backend)
    assert (at.disposition, at.open_children, at.inbox_seq) == (Disposition.PARKED, 0, 2)
    assert (await deliver(backend, "resume")).woke == 2


async def test_a_parent_at_work_gets_the_news_in_its_inbox(backend: Backend) -> None:
    lease = await leased(backend)
    await backend.journal.append(batch(lease, 1, children=(new_child(backend, "EX2"),)))
    await ends(backend, "EX2")
    assert (await backend.errands.tell_parents()).queued == []
    with pytest.raises(InboxMoved):
        await backend.journal.append(parking(lease, 2, seen=1))
    assert (await dispatch(backend)).open_children == 0
    assert await backend.fleet.unread("w1") == ["EX1"]


async def test_a_parent_that_ended_is_told_nothing(backend: Backend) -> None:
    lease = await leased(backend)
    await backend.journal.append(batch(lease, 1, children=(new_child(backend, "EX2"),)))
    await backend.journal.append(ending(lease, 2))
    await ends(backend, "EX2")
    before = await dispatch(backend)
    assert (await backend.errands.tell_parents()).queued == []
    assert await dispatch(backend) == before


async def test_a_child_that_was_stopped_or_gave_up_is_told_of(backend: Backend) -> None:
    await parent_of(backend, "EX2", "EX3", "EX4")
    await deliver(backend, "stop", to="EX2")
    lease = await claimed(backend, Segment("EX3", 1))
    assert await backend.fleet.take_over(lease, "w9", "lost", poison=1) is None
    lease = await claimed(backend, Segment("EX4", 1))
    await deliver(backend, "stop", to="EX4")
    backend.clock.move(10_000)
    assert await backend.fleet.force_stops(1_000) == [lease]
    assert (await backend.errands.tell_parents()).queued == [Segment("EX1", 2)]
    told = await backend.journal.inbox("EX1", 1)
    assert [each.data["status"] for each in told] == ["stopped", "failed", "stopped"]


async def test_a_child_that_ends_with_a_command_to_its_children_is_told_of(
    backend: Backend,
) -> None:
    await parent_of(backend, "EX2")
    lease = await claimed(backend, Segment("EX2", 1))
    grandchild = new_child(backend, "EX3", "EX2", depth=2)
    stop = farewell("EX2", FAILED)
    await backend.journal.append(replace(failing(lease, 1), children=(grandchild,), cascade=stop))
    assert (await backend.errands.cascade()).reached == ["EX3"]
    assert (await row(backend, "EX3")).status is Status.STOPPED
    assert (await backend.errands.tell_parents()).queued == [Segment("EX1", 2)]


async def test_only_the_parents_of_the_trees_that_were_asked_for(backend: Backend) -> None:
    await parent_of(backend, "EX2")
    await ends(backend, "EX2")
    assert await backend.errands.tell_parents(frozenset(["EX9"])) == PassedOn()
    told = await backend.errands.tell_parents(frozenset(["EX1"]))
    assert told.queued == [Segment("EX1", 2)]
