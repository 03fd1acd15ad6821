"""A page of the events that are there now, for readers who do not wait for more."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from chaingraph.execution.view import SeenEvent


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, and the position at which the next page begins.

    `has_ended` says that no event will ever come after these.
    """

    events: tuple[SeenEvent, ...]
    next: int
    has_ended: bool


async def take(
    batches: AsyncGenerator[Sequence[SeenEvent], None],
    start: int,
    end: int,
    limit: int,
    types: frozenset[str],
) -> tuple[list[SeenEvent], int]:
    """At most `limit` events of `types` (empty: all) with positions from `start` to before `end`,
    and the position after the last one that was looked at.

    `batches` begin at `start` and have all events, so that this never waits for one to come.
    A `flow:snapshot` is only in the page that begins with the journal.
    """
    found: list[SeenEvent] = []
    at = start
    async with aclosing(batches):
        while at < end and len(found) < limit:
            for event in await anext(batches):
                if at >= end or len(found) >= limit:
                    break
                if event.index is None:
                    found += [event] if start == 0 else []
                    continue
                at = event.position + 1
                found += [event] if not types or event.type in types else []
    return found, at
