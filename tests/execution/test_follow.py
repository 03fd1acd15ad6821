"""A follower outlives the absence of its store."""

from __future__ import annotations

import pytest

from chaingraph.errors import StoreUnavailable
from chaingraph.execution.records import LOCAL, Entry
from chaingraph.execution.service import View
from chaingraph.flow.build import FlowBuilder
from chaingraph.modes import House, open_memory_house
from chaingraph.nodes import builtin_catalog


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
