"""Pages of events: cut out of batches, without waiting for what is not there yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime

import pytest

from chaingraph.execution.page import take
from chaingraph.execution.view import SeenEvent

AT = datetime(2026, 1, 1, tzinfo=UTC)


def event(position: int, type: str = "node:started", *, index: bool = True) -> SeenEvent:
    return SeenEvent(position, position - 1 if index else None, type, AT, {}, False)


async def batches(
    start: int, end: int, size: int, *, snapshot: bool = False
) -> AsyncGenerator[list[SeenEvent], None]:
    """Every third event is of another type; after the last nothing ever comes."""
    if snapshot:
        yield [event(start, "flow:snapshot", index=False)]
    for at in range(start, end, size):
        positions = range(at, min(at + size, end))
        yield [event(n, "node:failed" if n % 3 == 0 else "node:started") for n in positions]
    await asyncio.Event().wait()


@pytest.mark.parametrize("size", [1, 2, 7, 100])
@pytest.mark.parametrize("limit", [1, 3, 100])
@pytest.mark.parametrize("types", [frozenset[str](), frozenset({"node:failed"})])
async def test_pages_one_after_the_other_have_every_event_once(
    size: int, limit: int, types: frozenset[str]
) -> None:
    found: list[int] = []
    at = 0
    while at < 10:
        events, at = await take(batches(at, 12, size), at, 10, limit, types)
        assert len(events) <= limit
        found += [each.position for each in events]
    assert found == [n for n in range(10) if not types or n % 3 == 0]


async def test_only_the_first_page_has_the_snapshot() -> None:
    first, at = await take(batches(0, 5, 5, snapshot=True), 0, 5, 3, frozenset())
    assert [each.type for each in first][:1] == ["flow:snapshot"]
    assert (len(first), at) == (3, 2)
    others, at = await take(batches(2, 5, 5, snapshot=True), 2, 5, 9, frozenset())
    assert ([each.position for each in others], at) == ([2, 3, 4], 5)


async def test_behind_the_last_event_there_is_nothing_and_nobody_waits() -> None:
    assert await take(batches(7, 7, 1), 7, 7, 9, frozenset()) == ([], 7)
    assert await take(batches(9, 9, 1), 9, 7, 9, frozenset()) == ([], 9)
