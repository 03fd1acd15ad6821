"""The executions of a tree as one reader sees them: in the full form, or in the compact one."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from chaingraph.engine.graph import Graph
from chaingraph.execution.ports import Journal
from chaingraph.execution.reading import decode, has_large_values, read_events, with_blobs
from chaingraph.execution.records import Entry, Stored
from chaingraph.execution.view import FullView, SeenEvent, seen, snapshot


@dataclass(slots=True)
class Sight:
    """One execution as it is seen from some position on.

    Give `show` every entry from there on, in order; what fails on the way may be shown again.
    `opening`, if there is one, is to be sent before the first events.
    """

    show: Callable[[list[Entry]], Awaitable[list[SeenEvent]]]
    opening: SeenEvent | None = None


class TreeView:
    def __init__(
        self,
        journal: Journal,
        graph_of: Callable[[str, bytes], Graph],
        view: Literal["full", "compact"],
    ) -> None:
        self._journal = journal
        self._graph_of = graph_of
        self.sight = self._compact if view == "compact" else self._full
        #: by snapshot, which children of one execution often share
        self._graphs: dict[str, Graph] = {}
        self._flows: dict[str, Mapping[str, Any]] = {}

    async def _compact(self, stored: Stored, position: int) -> Sight:
        name = stored.dispatch.snapshot
        if name not in self._flows:
            self._flows[name] = json.loads(await self._journal.flow_of(name))
        return Sight(_as_journalled, snapshot(stored, self._flows[name], position))

    async def _full(self, stored: Stored, position: int) -> Sight:
        name = stored.dispatch.snapshot
        if name not in self._graphs:
            self._graphs[name] = self._graph_of(name, await self._journal.flow_of(name))
        view = FullView(self._graphs[name])
        async for events in read_events(self._journal, stored, 0, position):
            for event in events:
                view.skip(event)

        async def show(entries: list[Entry]) -> list[SeenEvent]:
            events = await with_blobs(self._journal, stored.row.root_execution_id, entries)
            return [
                view.show(event, None if has_large_values(entry) else entry.data)
                for event, entry in zip(events, entries, strict=True)
            ]

        return Sight(show)


async def _as_journalled(entries: list[Entry]) -> list[SeenEvent]:
    return [
        seen(event, event.data, entry.data)
        for event, entry in zip(map(decode, entries), entries, strict=True)
    ]
