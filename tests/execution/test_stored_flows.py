"""The stored flows of a principal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from chaingraph.errors import BadInput, FlowNotFound, Forbidden, InvalidFlow, UnreadableFlow
from chaingraph.execution.principals import LOCAL, Principal
from chaingraph.execution.service import Service
from chaingraph.modes import open_memory_house

ALICE, BOB = Principal("alice"), Principal("bob")
NODES: dict[str, Any] = {"n": {"type": "MathNode", "inputs": {"a": 1, "b": 2}}}


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with open_memory_house() as house:
        yield house.service


async def test_both_forms_are_read_and_the_stored_one_is_kept(service: Service) -> None:
    stored = await service.store_flow(ALICE, {"id": "f", "nodes": NODES})
    assert [node["id"] for node in stored.data["nodes"]] == ["n"]
    assert await service.store_flow(ALICE, stored.data) == stored


async def test_an_id_is_the_one_asked_for_the_own_or_a_new_one(service: Service) -> None:
    assert (await service.store_flow(ALICE, {"nodes": []}, "mine")).id == "mine"
    assert (await service.store_flow(ALICE, {"id": "own", "nodes": []}, "own")).id == "own"
    fresh = {(await service.store_flow(ALICE, {"nodes": []})).id for _ in range(2)}
    assert len(fresh) == 2
    with pytest.raises(BadInput, match="names the id own, not mine"):
        await service.store_flow(ALICE, {"metadata": {"id": "own"}, "nodes": []}, "mine")


async def test_a_flow_belongs_to_its_sender_and_stays_theirs(service: Service) -> None:
    assert (await service.store_flow(ALICE, {"nodes": []}, "f")).owner_id == "alice"
    changed = await service.store_flow(LOCAL, {"nodes": NODES}, "f")
    assert (changed.owner_id, changed.version) == ("alice", 2)
    for owner in ("alice", "bob"):
        with pytest.raises(Forbidden):
            await service.store_flow(BOB, {"metadata": {"ownerID": owner}, "nodes": []}, "f")


async def test_a_flow_with_mistakes_is_not_stored(service: Service) -> None:
    with pytest.raises(InvalidFlow) as refused:
        await service.store_flow(ALICE, {"nodes": {"a": {"type": "No"}, "b": {"type": "Nay"}}}, "f")
    assert len(refused.value.problems) == 2
    with pytest.raises(UnreadableFlow):
        await service.store_flow(ALICE, {"nodes": 5}, "f")
    with pytest.raises(FlowNotFound):
        await service.flow(ALICE, "f")


async def test_only_its_owner_deletes_a_flow(service: Service) -> None:
    await service.store_flow(ALICE, {"nodes": []}, "f")
    with pytest.raises(Forbidden):
        await service.delete_flow(BOB, "f")
    await service.delete_flow(ALICE, "f")
    with pytest.raises(FlowNotFound):
        await service.delete_flow(ALICE, "f")
