"""What one execution alone appends on PostgreSQL, in either of the two statements."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from chaingraph.durable import append_postgres
from chaingraph.durable.append_postgres import ADVANCE_ENTRIES
from chaingraph.errors import Fenced
from chaingraph.execution.ports import Append
from chaingraph.execution.records import Lease
from tests.conformance.backends import Backend, sql_backend
from tests.conformance.conftest import copied
from tests.conformance.steps import batch, dispatch, leased, positions, row


@pytest.fixture(params=["advance", "general"])
async def backend(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    postgres_url: str,
    upgraded_template: str,
) -> AsyncIterator[Backend]:
    if request.param == "general":
        monkeypatch.setattr(append_postgres, "ADVANCE_ENTRIES", 0)
    async with sql_backend(copied(postgres_url, upgraded_template)) as opened:
        yield opened


@pytest.mark.parametrize("count", [0, 1, ADVANCE_ENTRIES, ADVANCE_ENTRIES + 1])
async def test_any_number_of_entries_arrives_in_order(backend: Backend, count: int) -> None:
    lease = await leased(backend)
    append = batch(lease, 1, *(["node:debug-log-string"] * max(count, 1)), data=b"\x00\xff")
    append = replace(append, entries=append.entries[:count])
    await backend.journal.append(append)
    assert tuple(await backend.journal.read("EX1", 1, 100)) == append.entries
    assert (await dispatch(backend)).next_position == 1 + count


async def test_only_the_position_moves(backend: Backend) -> None:
    lease = await leased(backend)
    before = await row(backend)
    backend.clock.move(5)
    await backend.journal.append(batch(lease, 1, cursor=7))
    after, at = await row(backend), await dispatch(backend)
    assert after == replace(before, updated_at=after.updated_at)
    assert after.updated_at > before.updated_at
    assert (at.next_position, at.inbox_cursor, at.holder) == (2, 7, "w1")


@pytest.mark.parametrize("wrong", [{"number": 2}, {"number": 0}, {"worker_id": "w2"}])
async def test_only_the_holder_appends(backend: Backend, wrong: dict[str, object]) -> None:
    lease = await leased(backend)
    await refused(backend, batch(replace(lease, **wrong), 1))  # type: ignore[arg-type]


@pytest.mark.parametrize("position", [0, 2])
async def test_nothing_is_appended_anywhere_else(backend: Backend, position: int) -> None:
    await refused(backend, batch(await leased(backend), position))


async def test_who_has_handed_over_appends_nothing(backend: Backend) -> None:
    lease = await leased(backend)
    segment = await backend.journal.hand_over(lease)
    assert segment is not None
    for number in (lease.number, segment.number):
        await refused(backend, batch(Lease("EX1", number, "w1"), 1))


async def refused(backend: Backend, append: Append) -> None:
    """The append is refused and leaves nothing behind."""
    with pytest.raises(Fenced):
        await backend.journal.append(append)
    assert await positions(backend) == [0]
    assert (await dispatch(backend)).next_position == 1
