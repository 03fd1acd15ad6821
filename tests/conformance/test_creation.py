"""Creating: line 1 of the transition table, and what readers see of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from chaingraph.errors import IdempotencyConflict
from chaingraph.execution.records import Disposition, Status
from chaingraph.execution.times import from_ms
from tests.conformance.backends import Backend
from tests.conformance.steps import dispatch, new_execution, parked, row, types


async def test_a_created_execution_is_parked_and_has_event_0(backend: Backend) -> None:
    await parked(backend)
    at = await dispatch(backend)
    assert (at.disposition, at.number, at.holder) == (Disposition.PARKED, 0, None)
    assert (at.next_position, at.inbox_seq, at.inbox_cursor) == (1, 0, 0)
    assert await types(backend) == ["execution:created"]
    assert await backend.journal.flow_of(at.snapshot) == b'{"nodes":[]}'


async def test_the_row_is_what_was_given(backend: Backend) -> None:
    new = new_execution(
        backend,
        options={"maxConcurrency": 3},
        integration={"a": [1]},
        external_events=[{"eventName": "x"}],
    )
    await backend.journal.create(new)
    assert await row(backend) == new.row
    assert (await row(backend)).status is Status.CREATED


async def test_times_are_utc_to_the_millisecond(backend: Backend) -> None:
    await parked(backend)
    expected = datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC)
    found = await row(backend)
    assert found.created_at == found.updated_at == expected
    assert found.created_at.tzinfo is UTC


async def test_the_same_key_and_input_is_the_same_execution(backend: Backend) -> None:
    first = await backend.journal.create(
        new_execution(backend, "EX1", key="local:k", input_hash="h")
    )
    again = await backend.journal.create(
        new_execution(backend, "EX2", key="local:k", input_hash="h")
    )
    assert first == again == "EX1"
    assert await backend.journal.get("EX2") is None


async def test_the_same_key_with_other_input_is_a_conflict(backend: Backend) -> None:
    await backend.journal.create(new_execution(backend, "EX1", key="local:k", input_hash="h"))
    with pytest.raises(IdempotencyConflict) as raised:
        await backend.journal.create(new_execution(backend, "EX2", key="local:k", input_hash="i"))
    assert (raised.value.key, raised.value.execution_id) == ("k", "EX1")


async def test_without_a_key_every_creation_is_its_own(backend: Backend) -> None:
    assert await parked(backend, "EX1") == "EX1"
    assert await parked(backend, "EX2") == "EX2"


async def test_a_creation_whose_answer_was_lost_may_be_repeated(backend: Backend) -> None:
    new = new_execution(backend)
    assert await backend.journal.create(new) == await backend.journal.create(new) == "EX1"
    assert await types(backend) == ["execution:created"]


async def test_of_many_at_once_with_one_key_one_is_made(backend: Backend) -> None:
    attempts = [new_execution(backend, f"EX{n}", key="local:k", input_hash="h") for n in range(12)]
    made = await asyncio.gather(*map(backend.journal.create, attempts))
    assert len(set(made)) == 1
    assert len(await backend.journal.roots(None, 50, None)) == 1


async def test_of_two_at_once_with_other_input_one_is_a_conflict(backend: Backend) -> None:
    attempts = [new_execution(backend, f"EX{n}", key="local:k", input_hash=str(n)) for n in (1, 2)]
    made = await asyncio.gather(*map(backend.journal.create, attempts), return_exceptions=True)
    assert sorted(type(each).__name__ for each in made) == ["IdempotencyConflict", "str"]


async def test_an_unknown_execution_is_none_and_has_no_events(backend: Backend) -> None:
    assert await backend.journal.get("EX9") is None
    assert await backend.journal.read("EX9", 0, 10) == []
    assert await backend.journal.inbox("EX9", 0) == []


async def test_roots_come_newest_first_and_strictly_before_after(backend: Backend) -> None:
    times = []
    for execution_id in ("EX1", "EX2", "EX3"):
        times.append(from_ms(backend.clock()))
        await parked(backend, execution_id)
        backend.clock.move(1000)
    child = new_execution(
        backend, "EX4", root_execution_id="EX1", parent_execution_id="EX1", depth=1
    )
    await backend.journal.create(child)
    other = new_execution(backend, "EX5", flow_id="V2other")
    await backend.journal.create(other)

    async def ids(
        limit: int, after: datetime | None = None, flow: str | None = "V2flow"
    ) -> list[str]:
        return [each.row.id for each in await backend.journal.roots(flow, limit, after)]

    assert await ids(50) == ["EX3", "EX2", "EX1"]
    assert await ids(2) == ["EX3", "EX2"]
    assert await ids(50, times[2].replace(microsecond=123_000)) == ["EX2", "EX1"]
    assert await ids(50, flow=None) == ["EX5", "EX3", "EX2", "EX1"]


async def test_roots_of_some_owners_are_found_before_they_are_counted(backend: Backend) -> None:
    for owner, execution_id in (("bob", "EX1"), ("ann", "EX2"), ("ann", "EX3"), ("eve", "EX4")):
        await backend.journal.create(new_execution(backend, execution_id, owner_id=owner))
        backend.clock.move(1000)

    async def ids(*owners: str, limit: int = 50) -> list[str]:
        roots = await backend.journal.roots(None, limit, None, owners)
        return [each.row.id for each in roots]

    assert await ids("bob", limit=1) == ["EX1"]
    assert await ids("ann", "bob") == ["EX3", "EX2", "EX1"]
    assert await ids("nobody") == await ids() == []


async def test_roots_of_one_moment_are_ordered_by_id(backend: Backend) -> None:
    for execution_id in ("EX2", "EX3", "EX1"):
        await parked(backend, execution_id)
    roots = await backend.journal.roots(None, 50, None)
    assert [each.row.id for each in roots] == ["EX1", "EX2", "EX3"]


async def test_a_tree_is_ordered_by_depth_then_id(backend: Backend) -> None:
    await parked(backend, "EX5")
    for execution_id, parent, depth in (("EX3", "EX5", 1), ("EX1", "EX3", 2), ("EX2", "EX5", 1)):
        await backend.journal.create(
            new_execution(
                backend,
                execution_id,
                root_execution_id="EX5",
                parent_execution_id=parent,
                depth=depth,
            )
        )
    tree = await backend.journal.tree("EX5")
    assert [each.row.id for each in tree] == ["EX5", "EX2", "EX3", "EX1"]
