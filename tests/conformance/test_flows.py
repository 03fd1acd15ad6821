"""The stored flows."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from chaingraph.durable.tables import flows
from chaingraph.errors import Forbidden
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


@pytest.mark.parametrize("documents", [1, 12])
async def test_a_new_flow_put_by_two_owners_at_once_is_of_one_of_them(
    backend: Backend, documents: int
) -> None:
    async def put(number: int, owner: str) -> str:
        data = {"id": "V2a", "n": number % documents}
        try:
            return (await backend.flows.put(data, owner, {owner})).owner
        except Forbidden:
            return "refused"

    turns = ["ann", "bob"] * 6
    answers = await asyncio.gather(*(put(*turn) for turn in enumerate(turns)))
    winner = await owner_of(backend, "V2a")
    assert answers == [owner if owner == winner else "refused" for owner in turns]


@pytest.mark.parametrize("n", [1, 2])
async def test_the_flow_of_another_is_neither_replaced_nor_shown(backend: Backend, n: int) -> None:
    stored = await backend.flows.put({"id": "V2a", "n": 1}, "ann", {"ann"})
    with pytest.raises(Forbidden, match="V2a"):
        await backend.flows.put({"id": "V2a", "n": n}, "bob", {"bob", "eve"})
    assert await backend.flows.get("V2a") == stored


async def test_a_flow_goes_over_to_another_who_puts_it_for_its_owner(backend: Backend) -> None:
    await backend.flows.put({"id": "V2a", "n": 1}, "ann", {"ann"})
    await backend.flows.put({"id": "V2a", "n": 2}, "bob", {"ann", "bob"})
    assert await owner_of(backend, "V2a") == "bob"
    await backend.flows.put({"id": "V2a", "n": 3}, "eve")
    assert await owner_of(backend, "V2a") == "eve"


async def test_a_flow_that_has_no_owner_is_locals(sql_only: Backend) -> None:
    await sql_only.flows.put({"id": "V2a"}, "local")
    assert sql_only.database is not None
    await sql_only.database.write(
        "test", lambda c: c.execute(sa.update(flows).values(owner_id=None))
    )
    with pytest.raises(Forbidden):
        await sql_only.flows.put({"id": "V2a"}, "bob", {"bob"})
    assert not await sql_only.flows.delete("V2a", {"bob"})
    assert [each.owner for each in await sql_only.flows.list({"local"})] == ["local"]
    assert await sql_only.flows.delete("V2a", {"local"})


async def owner_of(backend: Backend, flow_id: str) -> str:
    stored = await backend.flows.get(flow_id)
    assert stored is not None
    return stored.owner


async def test_a_flow_is_put_while_it_is_deleted(backend: Backend) -> None:
    async def put_and_delete(n: int) -> str:
        stored = await backend.flows.put({"id": "V2a", "n": n}, "ann")
        await backend.flows.delete("V2a")
        return stored.owner

    assert await asyncio.gather(*map(put_and_delete, range(40))) == ["ann"] * 40


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


async def test_the_flow_of_another_is_not_deleted(backend: Backend) -> None:
    stored = await backend.flows.put({"id": "V2a"}, "ann")
    assert not await backend.flows.delete("V2a", {"bob"})
    assert not await backend.flows.delete("V2a", ())
    assert await backend.flows.get("V2a") == stored
    assert await backend.flows.delete("V2a", {"bob", "ann"})


async def test_a_flow_stored_again_after_its_deletion_is_new(backend: Backend) -> None:
    await backend.flows.put({"id": "V2a", "n": 1}, "ann")
    await backend.flows.put({"id": "V2a", "n": 2}, "ann")
    await backend.flows.delete("V2a")
    assert (await backend.flows.put({"id": "V2a", "n": 3}, "bob")).version == 1
