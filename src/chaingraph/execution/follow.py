"""Following a journal: read by position, wait at the bell, never miss, never repeat."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from chaingraph import metrics
from chaingraph.engine.events import TERMINAL
from chaingraph.engine.graph import Graph
from chaingraph.errors import ExecutionNotFound
from chaingraph.execution.feed import Feed, Feeds
from chaingraph.execution.news import PATIENCE, News
from chaingraph.execution.ports import Bell, Journal
from chaingraph.execution.reading import FIRST_PAGE, PAGE, decode
from chaingraph.execution.records import Entry, Stored
from chaingraph.execution.view import SeenEvent, seen, snapshot


async def follow(
    journal: Journal, bell: Bell, stored: Stored, *, start: int = 0, patience: float = PATIENCE
) -> AsyncIterator[list[Entry]]:
    """Batches of committed entries from position `start` on, until the last one."""
    execution_id, limit = stored.row.id, FIRST_PAGE
    # Who begins behind the last event there is may never see one.
    is_ahead = start >= stored.dispatch.next_position
    with bell.listen(execution_id) as ring, metrics.followers.track_inprogress():
        news = News(journal, ring, execution_id)
        while True:
            entries = await news.insist(journal.read, execution_id, start, limit)
            if entries:
                news.came()
                metrics.follower_lag_events.observe(len(entries))
                yield entries
                start, is_ahead = entries[-1].position + 1, False
                if entries[-1].type in TERMINAL:
                    return
            elif is_ahead and await _is_over(journal, news, execution_id, start):
                return
            if len(entries) < limit:
                await news.wait(patience)
            limit = PAGE


async def _is_over(journal: Journal, news: News, execution_id: str, start: int) -> bool:
    """Whether the execution has ended before position `start`."""
    found = await news.insist(journal.get, execution_id)
    if found is None:
        raise ExecutionNotFound(execution_id)
    return found.row.status.is_terminal and found.dispatch.next_position <= start


async def follow_full(
    feeds: Feeds, bell: Bell, stored: Stored, graph: Graph, *, start: int = 0
) -> AsyncIterator[list[SeenEvent]]:
    """As `follow`, in the full form, from the feed that all followers here share.

    A reader further back than the feed reaches comes up to it on a feed of its own.
    """
    with (
        feeds.following(bell, stored, graph) as shared,
        metrics.followers.track_inprogress(),
    ):
        own: Feed | None = None
        while True:
            own = None if shared.holds(start) else own or feeds.apart(stored, graph)
            feed = own or shared
            if page := feed.page(start):
                metrics.follower_lag_events.observe(len(page))
                yield page
                start = page[-1].position + 1
                if page[-1].is_last:
                    return
            elif feed.is_over:
                return
            else:
                await feed.more()


async def follow_compact(
    journal: Journal, bell: Bell, stored: Stored, flow: Mapping[str, Any], *, start: int = 0
) -> AsyncIterator[list[SeenEvent]]:
    """As `follow`, in the compact form of the journal; large values stay references.

    First comes one `flow:snapshot` with the flow that the ids in the events refer to.
    """
    yield [snapshot(stored, flow, start)]
    async for entries in follow(journal, bell, stored, start=start):
        yield [
            seen(event, event.data, entry.data)
            for event, entry in zip(map(decode, entries), entries, strict=True)
        ]
