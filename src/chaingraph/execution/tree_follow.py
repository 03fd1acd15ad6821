"""Following an execution and all its descendants in one stream, with one cursor.

Children are discovered in the stream itself, by the event of their parent that announces them.
So nothing has to be known but what is open: discovered, and not delivered to its end.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from chaingraph import metrics
from chaingraph.engine.events import EventType
from chaingraph.engine.graph import Graph
from chaingraph.errors import BadInput, ExecutionNotFound
from chaingraph.execution import news
from chaingraph.execution.news import News
from chaingraph.execution.ports import Bell, Journal, Ring
from chaingraph.execution.reading import decode
from chaingraph.execution.records import Stored
from chaingraph.execution.tree_cursor import OVER, Mark, Place, read_cursor, write_cursor
from chaingraph.execution.tree_view import Sight, TreeView
from chaingraph.execution.view import SeenEvent

#: The most events in a batch, and the most journals that are read for one.
BATCH = 500
TURN = 50
#: When more than so many rang, one query tells which of them have news.
FEW = 8


@dataclass(frozen=True, slots=True)
class TreeEvent:
    execution_id: str
    event: SeenEvent


@dataclass(frozen=True, slots=True)
class TreeBatch:
    """Some events, and the cursor that goes on after all of them."""

    cursor: str
    events: tuple[TreeEvent, ...]


async def follow_tree(
    journal: Journal,
    bell: Bell,
    stored: Stored,
    graph_of: Callable[[str, bytes], Graph],
    *,
    cursor: str | None = None,
    view: Literal["full", "compact"] = "full",
    types: frozenset[str] = frozenset(),
) -> AsyncGenerator[TreeBatch, None]:
    """Batches of the events of an execution and its descendants, until all of them have ended.

    The events of one execution come in their order, after the `child:spawned` that announced it;
    no other order is promised. `types` filters. Begins where the cursor says; raises BadInput
    when it is none of this execution's, and ExecutionNotFound when the tree is deleted.
    """
    marks = [Mark(0, 0, 0)] if cursor is None else read_cursor(stored.row.id, cursor)
    with bell.listen() as ring, metrics.followers.track_inprogress():
        tree = _Tree(journal, ring, stored, TreeView(journal, graph_of, view), types)
        await tree.resume(marks)
        while tree.open:
            await tree.listen()
            if events := await tree.batch():
                metrics.follower_lag_events.observe(len(events))
                yield TreeBatch(write_cursor(stored.row.id, tree.open.values()), tuple(events))


class _Tree:
    """What is open for one reader, and who of it may have news."""

    def __init__(
        self,
        journal: Journal,
        ring: Ring,
        followed: Stored,
        view: TreeView,
        types: frozenset[str],
    ) -> None:
        self.open: dict[str, Place] = {}
        self._journal = journal
        self._ring = ring
        self._followed = followed.row
        self._insist = News(journal, ring, followed.row.id).insist
        self._view = view
        self._types = types
        self._sights: dict[str, Sight] = {}
        self._waiting: dict[str, None] = {}
        self._look_at = 0.0

    async def resume(self, marks: list[Mark]) -> None:
        """Open what these marks name. Raises BadInput when they name what is not there."""
        if not marks:
            return
        places = {0: Place(self._followed.id, next=marks[0].next)}
        children: defaultdict[int, dict[int, Mark]] = defaultdict(dict)
        for number, mark in enumerate(marks[1:], 1):
            children[mark.parent][number] = mark
        for parent, named in children.items():
            ids = await self._spawned(places[parent], [mark.spawned for mark in named.values()])
            for number, (_, spawned, following) in named.items():
                places[number] = Place(ids[spawned], places[parent], spawned, following)
        await self._check(places.values())
        for place in places.values():
            if place.next != OVER:
                self._enter(place)

    async def _check(self, places: Iterable[Place]) -> None:
        """Raises BadInput when one of them goes on where its journal has not come to yet."""
        if not (begun := [each for each in places if each.next > 0]):
            return
        heads = await self._insist(self._journal.heads, self._followed.root_execution_id)
        if any(each.next > heads.get(each.id, each.next) for each in begun):
            raise BadInput("This cursor names an event that is not there")

    async def _spawned(self, parent: Place, positions: Iterable[int]) -> dict[int, str]:
        """The children that were announced at these positions of their parent."""
        found: dict[int, str] = {}
        for position in sorted(positions):
            if position in found:
                continue
            for entry in await self._insist(self._journal.read, parent.id, position, BATCH):
                if entry.type == EventType.CHILD_SPAWNED:
                    found[entry.position] = decode(entry).data["executionId"]
            if position not in found:
                raise BadInput("This cursor names an execution that is not there")
        return found

    async def listen(self) -> None:
        """Wait until somebody may have news. Raises ExecutionNotFound when the tree is deleted.

        Once in a while a look at all heads makes good for rings that got lost.
        """
        now = asyncio.get_running_loop().time
        rung = self._ring.take()
        if not rung and not self._waiting:
            await self._ring.wait(self._look_at - now())
            rung = self._ring.take()
        if len(rung) > FEW or now() >= self._look_at:
            rung = await self._behind()
            self._look_at = now() + news.PATIENCE
        self._waiting.update(dict.fromkeys(rung & self.open.keys()))

    async def batch(self) -> list[TreeEvent]:
        """What some of those who may have news bring; who has more goes to the end of the queue."""
        events: list[TreeEvent] = []
        for _ in range(TURN):
            if not self._waiting or len(events) >= BATCH:
                break
            place = self.open[next(iter(self._waiting))]
            del self._waiting[place.id]
            events += await self._page(place, BATCH - len(events))
        return events

    async def _page(self, place: Place, limit: int) -> list[TreeEvent]:
        sight = self._sights.get(place.id) or await self._first_sight(place)
        if sight is None:
            return []
        entries = await self._insist(self._journal.read, place.id, place.next, limit)
        shown = await self._insist(sight.show, entries)
        if len(shown) == limit:
            self._waiting[place.id] = None
        for event in shown:
            self._pass(place, event)
        wanted = [each for each in shown if not self._types or each.type in self._types]
        if wanted and sight.opening is not None:
            wanted.insert(0, sight.opening)
            sight.opening = None
        return [TreeEvent(place.id, each) for each in wanted]

    def _pass(self, place: Place, event: SeenEvent) -> None:
        """What an event that is delivered means for what is open."""
        place.next = event.position + 1
        if event.type == EventType.CHILD_SPAWNED:
            child = Place(event.data["executionId"], place, event.position)
            self._enter(child)
            self._waiting[child.id] = None
        elif event.is_last:
            self._leave(place)

    def _enter(self, place: Place) -> None:
        self.open[place.id] = place
        self._ring.add(place.id)

    def _leave(self, place: Place) -> None:
        place.next = OVER
        del self.open[place.id]
        self._waiting.pop(place.id, None)
        self._sights.pop(place.id, None)
        self._ring.drop(place.id)

    async def _first_sight(self, place: Place) -> Sight | None:
        """None when this is no descendant after all: a fork's journal begins with a part of that
        of another execution, whose children are not its own."""
        stored = await self._insist(self._journal.get, place.id)
        parent_id = place.parent.id if place.parent else self._followed.parent_execution_id
        if stored is None or stored.row.parent_execution_id != parent_id:
            await self._behind()
            self._leave(place)
            return None
        sight = await self._insist(self._view.sight, stored, place.next)
        self._sights[place.id] = sight
        return sight

    async def _behind(self) -> set[str]:
        """The open executions with undelivered events."""
        heads = await self._insist(self._journal.heads, self._followed.root_execution_id)
        if self._followed.id not in heads:
            raise ExecutionNotFound(self._followed.id)
        return {each.id for each in self.open.values() if heads.get(each.id, 0) > each.next}
