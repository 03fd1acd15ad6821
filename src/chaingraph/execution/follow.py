"""Following a journal: read by position, wait at the bell, never miss, never repeat."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from chaingraph import metrics
from chaingraph.engine.events import TERMINAL
from chaingraph.engine.graph import Graph
from chaingraph.errors import ExecutionNotFound, StoreUnavailable
from chaingraph.execution.feed import Feed, Feeds
from chaingraph.execution.ports import Bell, Journal, Ring
from chaingraph.execution.reading import PAGE, decode
from chaingraph.execution.records import Entry, Stored
from chaingraph.execution.view import SeenEvent, seen, snapshot

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

#: A ring that got lost costs this many seconds.
PATIENCE = 1.0
#: After so many waits without news a follower looks whether its execution is still there.
LOOK_EVERY = 5
#: Seconds between the tries of a reader whose store is away; the last one is repeated.
BACK_OFF = (0.1, 0.3, 1.0, 2.0)


async def _insist(
    ring: Ring, read: Callable[P, Awaitable[T]], *args: P.args, **named: P.kwargs
) -> T:
    """The result of a read; while the store is away it is tried again, at the next ring or later.

    A follower outlives a restart of its database: it knows its position, so nothing is missed.
    """
    failures = 0
    while True:
        try:
            return await read(*args, **named)
        except StoreUnavailable as error:
            log.info("a follower waits for the database: %s", error)
        await ring.wait(BACK_OFF[min(failures, len(BACK_OFF) - 1)])
        ring.clear()
        failures += 1


class _News:
    """Waits for news of one execution, and sees to it that nobody waits for a deleted one."""

    def __init__(self, journal: Journal, ring: Ring, stored: Stored, start: int) -> None:
        self._journal = journal
        self._ring = ring
        self._id = stored.row.id
        self._waits = 0
        #: who begins behind the last event there is may never see one
        self._is_ahead = start >= stored.dispatch.next_position

    def came(self, events: int) -> None:
        """Some were there to be read."""
        self._is_ahead = False
        self._waits = 0
        metrics.follower_lag_events.observe(events)

    async def are_over(self, start: int) -> bool:
        """Whether the execution has ended before position `start`."""
        if not self._is_ahead:
            return False
        found = await _insist(self._ring, self._journal.get, self._id)
        if found is None:
            raise ExecutionNotFound(self._id)
        return found.row.status.is_terminal and found.dispatch.next_position <= start

    async def wait(self, patience: float) -> None:
        """Return when there may be news. Raises ExecutionNotFound when there will be none."""
        await self._ring.wait(patience)
        self._waits += 1
        if self._waits % LOOK_EVERY:
            return
        if await _insist(self._ring, self._journal.get, self._id) is None:
            raise ExecutionNotFound(self._id)


async def follow(
    journal: Journal, bell: Bell, stored: Stored, *, start: int = 0, patience: float = PATIENCE
) -> AsyncIterator[list[Entry]]:
    """Batches of committed entries from position `start` on, until the last one."""
    with bell.listen(stored.row.id) as ring, metrics.followers.track_inprogress():
        news = _News(journal, ring, stored, start)
        while True:
            ring.clear()  # before reading: a ring during the read is kept
            entries = await _insist(ring, journal.read, stored.row.id, start, PAGE)
            if entries:
                news.came(len(entries))
                yield entries
                start = entries[-1].position + 1
                if entries[-1].type in TERMINAL:
                    return
            elif await news.are_over(start):
                return
            else:
                await news.wait(patience)


async def follow_full(
    feeds: Feeds, bell: Bell, stored: Stored, graph: Graph, *, start: int = 0
) -> AsyncIterator[list[SeenEvent]]:
    """As `follow`, in the full form, from the feed that all followers here share.

    A reader further back than the feed reaches comes up to it on a feed of its own.
    """
    with (
        bell.listen(stored.row.id) as ring,
        feeds.following(stored, graph) as shared,
        metrics.followers.track_inprogress(),
    ):
        news = _News(shared.journal, ring, stored, start)
        own: Feed | None = None
        while True:
            ring.clear()
            own = None if shared.holds(start) else own or feeds.apart(stored, graph)
            page = await _insist(ring, (own or shared).page, start)
            if page:
                news.came(len(page))
                yield page
                start = page[-1].position + 1
                if page[-1].is_last:
                    return
            elif await news.are_over(start):
                return
            else:
                await news.wait(PATIENCE)


async def follow_compact(
    journal: Journal, bell: Bell, stored: Stored, flow: Mapping[str, Any], *, start: int = 0
) -> AsyncIterator[list[SeenEvent]]:
    """As `follow`, in the compact form of the journal; large values stay references.

    First comes one `flow:snapshot` with the flow that the ids in the events refer to.
    """
    yield [snapshot(stored, flow, start)]
    async for entries in follow(journal, bell, stored, start=start):
        yield [seen(event, event.data) for event in map(decode, entries)]
