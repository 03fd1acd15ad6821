"""One read and one projection for all who follow the same execution.

A feed keeps a window of the newest events in full form. Readers at the window's end share one
search for more; a reader further back makes its own way until it reaches the window. Nobody holds
a buffer for a slow reader: it pulls, and what it has not pulled is in the journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from chaingraph.engine.graph import Graph
from chaingraph.execution import news
from chaingraph.execution.news import News
from chaingraph.execution.ports import Bell, Journal
from chaingraph.execution.reading import FIRST_PAGE, PAGE, with_blobs
from chaingraph.execution.records import Entry, Stored
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
    readers: int = 0
    _events: list[SeenEvent] = field(default_factory=list)
    #: the position of the first event in the window, and the one after the last
    _start: int = 0
    _end: int = 0
    _is_exhausted: bool = False
    _search: asyncio.Task[None] | None = None

    def holds(self, position: int) -> bool:
        """Whether a reader at `position` can be served from here."""
        return self._start <= position

    @property
    def is_over(self) -> bool:
        """Whether the last event is there."""
        return bool(self._events) and self._events[-1].is_last

    def page(self, position: int) -> list[SeenEvent]:
        """The events from `position` on that are here now. Asked only where `holds` says so."""
        return self._events[position - self._start :] if position < self._end else []

    async def more(self) -> None:
        """Return when there are more events than now; all who wait share one search.

        Raises ExecutionNotFound when there will be none.
        """
        if self._search is None or self._search.done():
            self._search = asyncio.create_task(self._find())
        await asyncio.shield(self._search)

    def close(self) -> None:
        """Nobody waits any more."""
        if self._search is not None:
            self._search.cancel()

    async def _find(self) -> None:
        end = self._end
        while self._end == end:
            if self._is_exhausted:
                await self.news.wait(news.PATIENCE)
            await self._read()

    async def _read(self) -> None:
        limit = PAGE if self._end else min(FIRST_PAGE, PAGE)
        entries = await self.news.insist(
            self.journal.read, self.stored.row.id, self._end, limit
        )
        events = await self.news.insist(
            with_blobs, self.journal, self.stored.row.root_execution_id, entries
        )
        self._is_exhausted = len(entries) < limit
        if not events:
            return
        self.news.came()
        self._events += [self.view.show(event, text) for event, text in events]
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

    @contextmanager
    def apart(self, bell: Bell, stored: Stored, graph: Graph) -> Iterator[Feed]:
        """A feed for one reader alone."""
