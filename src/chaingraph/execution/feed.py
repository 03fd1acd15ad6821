"""One read and one projection for all who follow the same execution.

A feed keeps a window of the newest events in full form. Readers at the window's end share one
search for more; a reader further back makes its own way until it reaches the window. Nobody holds
a buffer for a slow reader: it pulls, and what it has not pulled is in the journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from chaingraph.engine.graph import Graph
from chaingraph.execution import news
from chaingraph.execution.bell import LocalRing
from chaingraph.execution.news import News
from chaingraph.execution.ports import Bell, Journal, Ring
from chaingraph.execution.reading import FIRST_PAGE, PAGE, has_large_values, with_blobs
from chaingraph.execution.records import Stored
from chaingraph.execution.view import FullView, SeenEvent

#: Events a feed keeps for readers that are a little late.
WINDOW = 4_096


@dataclass(slots=True)
class Feed:
    """The tail of one execution, in full form."""

    journal: Journal
    stored: Stored
    view: FullView
    news: News
    #: what ends with the feed
    leaving: ExitStack = field(default_factory=ExitStack)
    readers: int = 0
    _events: list[SeenEvent] = field(default_factory=list)
    #: the position of the first event in the window, and the one after the last
    _start: int = 0
    _end: int = 0
    #: whether the last read came to the end of the journal
    _is_exhausted: bool = False
    _search: asyncio.Task[None] | None = None

    @property
    def is_over(self) -> bool:
        """Whether the last event is here."""
        return bool(self._events) and self._events[-1].is_last

    def holds(self, position: int) -> bool:
        """Whether a reader at `position` can be served from here."""
        return self._start <= position

    def page(self, position: int) -> list[SeenEvent]:
        """The events from `position` on that are here now. Asked only where `holds` says so."""
        return self._events[position - self._start :] if position < self._end else []

    async def more(self) -> None:
        """Return when there are more events than now. Who waits meanwhile shares the search.

        Raises ExecutionNotFound when there will be none.
        """
        if self._search is None or self._search.done():
            self._search = asyncio.create_task(self._find())
        await asyncio.shield(self._search)

    def close(self) -> None:
        """Nobody waits any more."""
        if self._search is not None:
            self._search.cancel()
        self.leaving.close()

    async def _find(self) -> None:
        end = self._end
        while self._end == end:
            if self._is_exhausted:
                await self.news.wait(news.PATIENCE)
            self._add(await self.news.insist(self._read))

    async def _read(self) -> list[SeenEvent]:
        limit = PAGE if self._end else min(FIRST_PAGE, PAGE)
        entries = await self.journal.read(self.stored.row.id, self._end, limit)
        events = await with_blobs(self.journal, self.stored.row.root_execution_id, entries)
        self._is_exhausted = len(entries) < limit
        return [
            self.view.show(event, None if has_large_values(entry) else entry.data)
            for event, entry in zip(events, entries, strict=True)
        ]

    def _add(self, events: list[SeenEvent]) -> None:
        if events:
            self.news.came()
        self._events += events
        self._end += len(events)
        surplus = len(self._events) - WINDOW
        if surplus > 0:
            del self._events[:surplus]
            self._start += surplus


class Feeds:
    """The feeds of the executions that somebody follows in this process."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._feeds: dict[str, Feed] = {}

    def apart(self, stored: Stored, graph: Graph) -> Feed:
        """A feed for one reader alone. Nobody rings for it: what it is after is there."""
        return self._feed(stored, graph, LocalRing())

    @contextmanager
    def following(self, bell: Bell, stored: Stored, graph: Graph) -> Iterator[Feed]:
        """The feed of an execution; it is dropped when its last reader has gone."""
        feed = self._feeds.get(stored.row.id) or self._opened(bell, stored, graph)
        feed.readers += 1
        try:
            yield feed
        finally:
            feed.readers -= 1
            if feed.readers == 0:
                feed.close()

    def _opened(self, bell: Bell, stored: Stored, graph: Graph) -> Feed:
        execution_id = stored.row.id
        with ExitStack() as leaving:
            feed = self._feed(stored, graph, leaving.enter_context(bell.listen(execution_id)))
            leaving.callback(self._feeds.pop, execution_id)
            feed.leaving = leaving.pop_all()
        self._feeds[execution_id] = feed
        return feed

    def _feed(self, stored: Stored, graph: Graph, ring: Ring) -> Feed:
        news = News(self._journal, ring, stored.row.id)
        return Feed(self._journal, stored, FullView(graph), news)
