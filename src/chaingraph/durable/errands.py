"""The errands in SQL. See `execution.ports.Errands` for the promises.

No transaction locks a parent and its child. Whoever locks many rows takes those that are free, in
the order of their ids; the others are waited for one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from chaingraph import metrics
from chaingraph.durable import errand_statements as ask
from chaingraph.durable import tables as t
from chaingraph.durable.database import Database
from chaingraph.durable.deliveries import Delivery, deliver
from chaingraph.durable.dispatch import Dispatcher
from chaingraph.durable.errand_statements import PAGE
from chaingraph.durable.rows import command_of
from chaingraph.durable.transitions import lock, lock_all, update, wake_all
from chaingraph.execution.family import end_of_child
from chaingraph.execution.ports import PassedOn
from chaingraph.execution.records import Command, Disposition, Segment, Status

Roots = frozenset[str] | None
T = TypeVar("T")


class SqlErrands:
    def __init__(
        self, database: Database, dispatcher: Dispatcher, clock: Callable[[], int]
    ) -> None:
        self._database = database
        self._dispatcher = dispatcher
        self._clock = clock

    async def is_any(self) -> bool:
        at = self._clock()
        return bool(await self._database.read(lambda c: c.execute(ask.ANY, {"at": at}).scalar()))

    async def wake_due(self, roots: Roots = None) -> list[Segment]:
        return await self._wake_all(_within(ask.DUE, roots), self._clock())

    async def wake_overlooked(self, roots: Roots = None) -> list[Segment]:
        found = await self._wake_all(_within(ask.OVERLOOKED, roots), self._clock())
        metrics.scanner_findings.labels("unread").inc(len(found))
        return found

    async def _wake_all(self, parked: sa.Select[Any], at: int) -> list[Segment]:
        ids = await self._database.read(lambda c: _ids(c, parked, at))
        segments: list[Segment] = []
        for page in _pages(ids):
            wake = partial(self._wake, ids=page, parked=parked, at=at)
            segments += await self._database.write("wake", wake)
        return segments

    def _wake(
        self, connection: Connection, ids: Sequence[str], parked: sa.Select[Any], at: int
    ) -> list[Segment]:
        """Those of them that are still so, now that they are locked."""
        locked = lock_all(connection, ids, waits=False)
        free = {e.row.id: e for e in locked if e.dispatch.disposition is Disposition.PARKED}
        still = _ids(connection, parked.where(t.executions.c.id.in_(list(free))), at)
        segments = wake_all(connection, [free[each] for each in still], at)
        for segment in segments:
            self._dispatcher.enqueue(connection, segment)
        return segments

    async def tell_parents(self, roots: Roots = None) -> PassedOn:
        query, told = _within(ask.UNTOLD, roots), PassedOn()
        while children := await self._database.read(lambda c: c.execute(query).all()):
            for parent_id, ended in groupby(children, key=lambda row: row.parent_execution_id):
                tell = partial(self._tell, parent_id=parent_id, children=list(ended))
                _count(told, [await self._database.write("tell", tell)])
            mark = partial(_mark_told, ids=[row.id for row in children])
            marked = await self._database.write("told", mark)
            if len(children) < PAGE or not marked:
                break
        return told

    def _tell(
        self, connection: Connection, parent_id: str, children: Sequence[Row[Any]]
    ) -> Delivery | None:
        parent = lock(connection, parent_id)
        if parent is None or parent.dispatch.disposition is Disposition.DONE:
            return None
        ends = [
            end_of_child(
                row.id, Status(row.status), row.error_message, parent.row, awaited=row.awaited
            )
            for row in children
        ]
        delivery = Delivery(parent, ends)
        deliver(connection, self._dispatcher, [delivery], self._clock())
        return delivery

    async def cascade(self, roots: Roots = None) -> PassedOn:
        query, passed_on = _within(ask.PENDING, roots), PassedOn()
        while pending := await self._database.read(lambda c: _commands(c, query)):
            children = await self._database.read(partial(_open_children, of=list(pending)))
            for page in _pages(list(children)):
                bring = partial(self._bring, children=children, pending=pending)
                done = await self._database.write("cascade", partial(bring, ids=page, waits=False))
                for each in [one for one in page if one not in done]:
                    alone = partial(bring, ids=[each], waits=True)
                    done |= await self._database.write("cascade", alone)
                _count(passed_on, [done[each] for each in page if each in done])
            if not await self._database.write("cascaded", partial(_clear, pending=pending)):
                break  # somebody else is at it
        return passed_on

    def _bring(
        self,
        connection: Connection,
        ids: Sequence[str],
        children: Mapping[str, str],
        pending: Mapping[str, Command],
        *,
        waits: bool,
    ) -> dict[str, Delivery | None]:
        """Deliver to these of the children; what became of those that could be locked."""
        found = lock_all(connection, ids, waits=waits)
        # Read under the locks: what has been replaced meanwhile must not come after its successor.
        parents = sorted({children[each] for each in ids})
        still = _commands(connection, ask.PENDING.where(t.executions.c.id.in_(parents)))
        deliveries = {
            each.row.id: Delivery(each, [command])
            for each in found
            if (command := still.get(parent := children[each.row.id]))
            and command == pending[parent]
        }
        deliver(connection, self._dispatcher, list(deliveries.values()), self._clock())
        return {each.row.id: deliveries.get(each.row.id) for each in found}


def _count(passed_on: PassedOn, done: Iterable[Delivery | None]) -> None:
    for each in done:
        if each is not None and each.kept:
            passed_on.reached.append(each.to.row.id)
        if each is not None and each.woke is not None:
            passed_on.queued.append(each.woke)


def _within(query: sa.Select[Any], roots: Roots) -> sa.Select[Any]:
    return query if roots is None else query.where(t.executions.c.root_execution_id.in_(roots))


def _pages(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), PAGE):
        yield items[start : start + PAGE]


def _ids(connection: Connection, parked: sa.Select[Any], at: int) -> Sequence[str]:
    return connection.execute(parked, {"at": at}).scalars().all()


def _mark_told(connection: Connection, ids: Sequence[str]) -> int:
    free = lock_all(connection, ids, waits=False)
    update(connection, [{"this": each.row.id, "parent_told": True} for each in free])
    return len(free)


def _commands(connection: Connection, query: sa.Select[Any]) -> dict[str, Command]:
    """The pending commands, by the parent."""
    return {row.id: command_of(row.cascade) for row in connection.execute(query)}


def _open_children(connection: Connection, of: Sequence[str]) -> dict[str, str]:
    """The children of these that have not ended, in order, each with its parent."""
    e = t.executions.c
    mine = sa.select(e.id, e.parent_execution_id).where(e.parent_execution_id.in_(of))
    rows = connection.execute(mine.where(e.disp != "D").order_by(e.id))
    return {row.id: row.parent_execution_id for row in rows}


def _clear(connection: Connection, pending: Mapping[str, Command]) -> int:
    """These have been brought, unless another came in its place; of how many that is known."""
    mine = ask.PENDING.where(t.executions.c.id.in_(list(pending)))
    free = _commands(connection, mine.with_for_update(skip_locked=True))
    brought = [each for each, command in free.items() if pending[each] == command]
    update(connection, [{"this": each, "cascade": None} for each in brought])
    return len(free)
