"""A follower outlives the absence of its store."""

from __future__ import annotations

import pytest

from chaingraph.engine.graph import compile_flow
from chaingraph.errors import ExecutionNotFound, StoreUnavailable
from chaingraph.execution import follow, news
from chaingraph.execution.bell import LocalBell
from chaingraph.execution.feed import Feeds
from chaingraph.execution.memory import MemoryJournal
from chaingraph.execution.ports import NewExecution
from chaingraph.execution.principals import LOCAL
from chaingraph.execution.records import Dispatch, Disposition, Entry, Stored
from chaingraph.execution.service import View
from chaingraph.execution.times import now_ms
from chaingraph.flow.build import FlowBuilder
from chaingraph.modes import House, open_memory_house
from chaingraph.nodes import builtin_catalog

STORED = Stored(
    NewExecution("EX1", "V2flow", "local", "hash", b"{}", Entry(0, "", 0, b""), "EX1").row,
    Dispatch(Disposition.LEASED, 1, "w1", 2, 1, 1, "hash"),
)


class FailingReads:
    """The journal's reads fail as often as a test says."""

    def __init__(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 0
        read = house.journal.read

        async def sometimes(execution_id: str, start: int, limit: int) -> list[Entry]:
            if self.left:
                self.left -= 1
                house.bell.ring(execution_id)  # so that nobody has to wait for the next try
                raise StoreUnavailable("away")
            return await read(execution_id, start, limit)

        monkeypatch.setattr(house.journal, "read", sometimes)


@pytest.mark.parametrize("view", ["full", "compact"])
async def test_nothing_is_missed_or_repeated_while_the_store_is_away(
    view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_memory_house(builtin_catalog()) as house, house.working():
        builder = FlowBuilder("one", builtin_catalog(), id="one")
        builder.add("TextNode", "a", text="x")
        await house.service.import_flow(LOCAL, builder.build())
        execution_id = await house.service.create(LOCAL, "one")
        reads = FailingReads(house, monkeypatch)
        following = house.service.follow(LOCAL, execution_id, view=view)
        positions = [each.position for each in await anext(following) if each.index is not None]
        reads.left = 3
        await house.service.start(LOCAL, execution_id)
        async for batch in following:
            positions += [each.position for each in batch]
        assert reads.left == 0
        assert positions == list(range(len(positions)))


class GoneAfter(MemoryJournal):
    """An empty journal, whose execution is deleted after somebody has looked for it so often."""

    def __init__(self, looks: int) -> None:
        super().__init__(now_ms)
        self.looks = looks

    async def get(self, execution_id: str) -> Stored | None:
        self.looks -= 1
        return STORED if self.looks >= 0 else None


async def test_a_follower_of_a_deleted_execution_is_told() -> None:
    journal = GoneAfter(3)
    with pytest.raises(ExecutionNotFound):
        async for _ in follow.follow(journal, LocalBell(), STORED, start=1, patience=0.0):
            pass
    assert journal.looks == -1


async def test_so_is_one_of_the_full_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news, "PATIENCE", 0.0)
    journal, graph = GoneAfter(0), compile_flow(FlowBuilder("none", builtin_catalog()).build())
    with pytest.raises(ExecutionNotFound):
        async for _ in follow.follow_full(Feeds(journal), LocalBell(), STORED, graph):
            pass
