"""Executions that are to survive something: begun, waited for, and judged."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import sqlalchemy as sa

from chaingraph.durable import tables as t
from chaingraph.errors import StoreUnavailable
from chaingraph.execution.principals import LOCAL
from chaingraph.execution.records import ExecutionRow
from chaingraph.modes import House, open_house
from chaingraph.settings import Settings
from tests.crash.kinds import FLOWS, built, catalog
from tests.crash.reports import Report, report, tree_reports

T = TypeVar("T")
#: Seconds between two tries of a caller whom the database did not answer.
PAUSE = 0.1


@dataclass(frozen=True)
class Trial:
    """The front of a fleet (it runs nothing itself), and the file of its effects."""

    house: House
    effects: Path

    async def store(self, flow: str, *, owner: str = "local") -> str:
        """Store a flow of `tests.crash.kinds`; its id."""
        drawn = built(FLOWS[flow], catalog())
        metadata = {**drawn.metadata, "ownerID": owner}
        flow_id = drawn.id if owner == LOCAL.user_id else f"{drawn.id}-{owner}"
        mine = replace(drawn, id=flow_id, metadata=metadata)
        return (await insist(lambda: self.house.service.import_flow(LOCAL, mine))).id

    async def begin(self, flow: str, count: int = 1, *, owner: str = "local") -> list[str]:
        """Create and start so many executions of a flow; a caller who does not give up."""
        flow_id = await self.store(flow, owner=owner)
        return list(await asyncio.gather(*(self._begin(flow_id) for _ in range(count))))

    async def _begin(self, flow_id: str) -> str:
        key, service = uuid4().hex, self.house.service
        execution_id = await insist(lambda: service.create(LOCAL, flow_id, idempotency_key=key))
        await insist(lambda: service.start(LOCAL, execution_id, command_id=key))
        return execution_id

    async def row(self, execution_id: str) -> ExecutionRow:
        return await insist(lambda: self.house.service.details(LOCAL, execution_id))

    async def ended(self, ids: Iterable[str], *, within: float) -> list[ExecutionRow]:
        """The rows of these when all have ended. Raises TimeoutError."""
        async with asyncio.timeout(within):
            return [await self._end_of(each) for each in ids]

    async def tree(self, root_id: str) -> list[ExecutionRow]:
        """The rows of a whole tree, the root first."""
        return [each.row for each in await insist(lambda: self.house.journal.tree(root_id))]

    async def _end_of(self, execution_id: str) -> ExecutionRow:
        while True:
            row = await self.row(execution_id)
            if row.status.is_terminal:
                return row
            await asyncio.sleep(PAUSE)

    async def positions(self, execution_id: str) -> list[int]:
        """The positions that a subscriber of the whole execution gets, until its last event.

        It comes back with the position after the last one it has seen when it is cut off.
        """
        seen: list[int] = []
        while True:
            start = len(seen)
            try:
                stream = self.house.service.follow(LOCAL, execution_id, start=start, view="compact")
                async for batch in stream:
                    seen += [event.position for event in batch if event.index is not None]
                return seen
            except StoreUnavailable:
                await asyncio.sleep(PAUSE)

    async def broken_trees(self, roots: Iterable[str]) -> list[str]:
        """As `findings`, for all executions of these trees; and what is wrong between them."""
        effects = self.counted_effects()
        trees = [await tree_reports(self.house, root) for root in roots]
        return [
            wrong for tree in trees for each in tree.values() for wrong in _broken(each, effects)
        ]

    async def findings(self, ids: Iterable[str]) -> list[str]:
        """Broken promises: those of the journals, and I4 by the file of effects."""
        effects = self.counted_effects()
        reports = [await report(self.house, execution_id) for execution_id in ids]
        return [wrong for each in reports for wrong in _broken(each, effects)]

    async def recoveries(self) -> Counter[str]:
        """How often each execution was taken over."""
        return Counter(row[0] for row in await self.read(sa.select(t.recovery.c.execution_id)))

    async def read(self, query: sa.Executable) -> list[Any]:
        """Rows of the database itself, where no port shows them."""
        database = self.house.database
        assert database is not None
        return await database.read(lambda c: list(c.execute(query)))

    def counted_effects(self) -> Counter[tuple[str, str]]:
        """How often each effect came, by its key and its kind."""
        lines = self.effects.read_text().splitlines() if self.effects.exists() else []
        return Counter((each["key"], each["kind"]) for each in map(json.loads, lines))


@asynccontextmanager
async def trial(url: str, effects: Path) -> AsyncIterator[Trial]:
    async with open_house(Settings(database=url), catalog()) as house:
        yield Trial(house, effects)


async def insist(call: Callable[[], Awaitable[T]]) -> T:
    """The answer of a call that may be repeated, however long the database is away."""
    while True:
        try:
            return await call()
        except StoreUnavailable:
            await asyncio.sleep(PAUSE)


def _broken(found: Report, effects: Counter[tuple[str, str]]) -> list[str]:
    broken = [*found["findings"], *_broken_effects(found, effects)]
    return [f"{found['id']}: {each}" for each in broken]


def _broken_effects(found: Report, effects: Counter[tuple[str, str]]) -> list[str]:
    """An effect comes at most once for each committed start, and that of a `once` node once."""
    starts = Counter(node for type_, node in found["types"] if type_ == "node:started")
    wrong = []
    for node_id in found["nodes"]:
        for kind in ("effect", "once"):
            count = effects[f"{found['id']}/{node_id}", kind]
            if count > (starts[node_id] if kind == "effect" else 1):
                wrong.append(f"I4: {kind} {node_id} came {count} times, {starts[node_id]} starts")
    return wrong
