"""One read and one projection for all who follow the same execution.

A feed keeps a window of the newest events in full form. Readers at the window's end share the
next read; a reader further back makes its own way until it reaches the window. Nobody holds a
buffer for a slow reader: it pulls, and what it has not pulled is in the journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from chaingraph.engine.graph import Graph
from chaingraph.execution.ports import Journal
from chaingraph.execution.reading import PAGE, with_blobs
from chaingraph.execution.records import Stored
from chaingraph.execution.view import FullView, SeenEvent

#: Events a feed keeps for readers that are a little late.
WINDOW = 4_096
#: The first page is small, so that the first events are out before many are made ready.
FIRST_PAGE = 200


@dataclass(slots=True)
class Feed:
    """The shared tail of one execution, in full form."""

    journal: Journal
    stored: Stored
    view: FullView
    readers: int = 0
    _events: list[SeenEvent] = field(default_factory=list)
    #: the position of the first event in the window, and the one after the last
    _start: int = 0
    _end: int = 0
    #: reads so far, and whether the last one came to the end of the journal
    _begun: int = 0
    _is_exhausted: bool = False
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    def holds(self, position: int) -> bool:
        """Whether a reader at `position` can be served from here."""
        return self._start <= position

    async def page(self, position: int) -> list[SeenEvent]:
        """The events from `position` on that are there now; [] when there are none yet.

        Asked only where `holds` says so, or by a reader that goes forward on a feed of its own.
        """
        if position >= self._end:
            await self._catch_up(position)
        return self._events[position - self._start :] if position < self._end else []

    async def _catch_up(self, position: int) -> None:
        """Read on, unless a read that began after this call came to the end of the journal.

        Whom the same ring woke share what is found, and also that nothing is found.
        """
        begun = self._begun
        async with self._reading:
            while position >= self._end and not (self._begun > begun and self._is_exhausted):
                await self._read()

    async def _read(self) -> None:
        self._begun += 1
        self._is_exhausted = False
        limit = PAGE if self._end else min(FIRST_PAGE, PAGE)
        entries = await self.journal.read(self.stored.row.id, self._end, limit)
        events = await with_blobs(self.journal, self.stored.row.root_execution_id, entries)
        self._events += [self.view.show(event) for event in events]
        self._end += len(events)
        surplus = len(self._events) - WINDOW
        if surplus > 0:
            del self._events[:surplus]
            self._start += surplus
        self._is_exhausted = len(events) < limit


class Feeds:
    """The feeds of the executions that somebody follows in this process."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._feeds: dict[str, Feed] = {}

    def apart(self, stored: Stored, graph: Graph) -> Feed:
        """A feed for one reader alone."""
        return Feed(self._journal, stored, FullView(graph))

    @contextmanager
    def following(self, stored: Stored, graph: Graph) -> Iterator[Feed]:
        """The feed of an execution; it is dropped when its last reader has gone."""
        execution_id = stored.row.id
        feed = self._feeds.get(execution_id)
        if feed is None:
            feed = self._feeds[execution_id] = self.apart(stored, graph)
        feed.readers += 1
        try:
            yield feed
        finally:
            feed.readers -= 1
            if feed.readers == 0:
                self._feeds.pop(execution_id, None)
