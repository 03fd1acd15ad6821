"""The stored flows."""

from __future__ import annotations

import asyncio

from tests.conformance.backends import Backend


async def test_a_flow_is_found_again(backend: Backend) -> None:
    stored = await backend.flows.put({"id": "V2a", "nodes": [{"x": 1}]}, "ann")
    assert (stored.version, stored.owner_id) == (1, "ann")
    assert await backend.flows.get("V2a") == stored
    assert await backend.flows.get("V2b") is None


async def test_new_content_is_the_next_version_and_keeps_its_creation(backend: Backend) -> None:
    first = await backend.flows.put({"id": "V2a", "n": 1}, "ann")
    backend.clock.move(5_000)
    second = await backend.flows.put({"id": "V2a", "n": 2}, "ann")
    assert second.version == 2
    assert second.created_at == first.created_at
    assert (second.updated_at - first.updated_at).total_seconds() == 5


async def test_identical_content_changes_nothing(backend: Backend) -> None:
    first = await backend.flows.put({"id": "V2a", "n": 1}, "ann")
    backend.clock.move(5_000)
    assert await backend.flows.put({"id": "V2a", "n": 1}, "ann") == first


async def test_a_new_flow_put_by_many_at_once_is_one(backend: Backend) -> None:
    puts = [backend.flows.put({"id": "V2a", "n": 1}, "ann") for _ in range(8)]
    assert {each.version for each in await asyncio.gather(*puts)} == {1}


async def test_the_list_is_newest_first(backend: Backend) -> None:
    for flow_id in ("V2b", "V2a", "V2c"):
        await backend.flows.put({"id": flow_id}, "ann")
        backend.clock.move(1000)
    assert [each.id for each in await backend.flows.list()] == ["V2c", "V2a", "V2b"]


async def test_the_list_of_an_owner_has_no_flow_of_others(backend: Backend) -> None:
    for flow_id, owner in (("V2a", "ann"), ("V2b", "bob"), ("V2c", "ann")):
        await backend.flows.put({"id": flow_id}, owner)
        backend.clock.move(1000)
    assert [each.id for each in await backend.flows.list({"ann"})] == ["V2c", "V2a"]
    assert await backend.flows.list({"eve"}) == await backend.flows.list(()) == []


async def test_a_deleted_flow_is_gone_and_is_deleted_once(backend: Backend) -> None:
    await backend.flows.put({"id": "V2a"}, "ann")
    await backend.flows.put({"id": "V2b"}, "ann")
    assert await backend.flows.delete("V2a")
    assert not await backend.flows.delete("V2a")
    assert await backend.flows.get("V2a") is None
    assert [each.id for each in await backend.flows.list()] == ["V2b"]


async def test_a_flow_stored_again_after_its_deletion_is_new(backend: Backend) -> None:
    await backend.flows.put({"id": "V2a", "n": 1}, "ann")
    await backend.flows.put({"id": "V2a", "n": 2}, "ann")
    await backend.flows.delete("V2a")
    assert (await backend.flows.put({"id": "V2a", "n": 3}, "bob")).version == 1
