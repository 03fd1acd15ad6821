"""The use cases: who may do what, when, and what a repeated call gets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chaingraph.engine.authoring import node
from chaingraph.errors import (
    BadInput,
    ExecutionNotFound,
    FlowNotFound,
    Forbidden,
    IdempotencyConflict,
    IllegalTransition,
    InvalidFlow,
    ValueTooLarge,
)
from chaingraph.execution.principals import LOCAL, Principal
from chaingraph.execution.records import Status
from chaingraph.execution.view import SeenEvent
from chaingraph.flow.build import FlowBuilder
from chaingraph.flow.codec import read_flow
from chaingraph.modes import House, open_house, open_memory_house
from chaingraph.nodes import builtin_catalog
from chaingraph.settings import Settings
from chaingraph.superjson import UNDEFINED

ALICE, BOB = Principal("alice"), Principal("bob")


@node(name="Needs")
async def needs(text: str) -> str:
    return text


@pytest.fixture
async def house() -> AsyncIterator[House]:
    catalog = builtin_catalog()
    catalog.add(needs)
    async with open_memory_house(catalog, Settings(max_value_bytes=10_000)) as opened:
        yield opened


async def stored(house: House, owner: str = "alice") -> str:
    builder = FlowBuilder("sum", house.catalog, id=f"sum-{owner}", owner=owner)
    builder.add("MathNode", "sum", a=1, b=2, operation="add")
    flow = await house.service.import_flow(LOCAL, builder.build())
    return flow.id


async def events_of(house: House, execution_id: str, as_: Principal = LOCAL) -> list[SeenEvent]:
    found = house.service.follow(as_, execution_id)
    return [event async for batch in found for event in batch]


async def test_an_execution_waits_for_its_start_and_runs_then(house: House) -> None:
    execution_id = await house.service.create(ALICE, await stored(house))
    row = await house.service.details(ALICE, execution_id)
    assert (row.status, row.owner_id, row.started_at) == (Status.CREATED, "alice", None)
    async with house.working():
        await house.service.start(ALICE, execution_id)
        events = await events_of(house, execution_id, ALICE)
    assert [events[0].type, events[-1].type] == ["execution:created", "flow:completed"]
    row = await house.service.details(ALICE, execution_id)
    assert row.status is Status.COMPLETED
    assert row.completed_at is not None


async def test_nothing_of_an_owner_is_shown_to_another(house: House) -> None:
    flow_id = await stored(house)
    execution_id = await house.service.create(ALICE, flow_id)
    service = house.service
    for attempt in (
        service.create(BOB, flow_id),
        service.start(BOB, execution_id),
        service.stop(BOB, execution_id),
        service.details(BOB, execution_id),
        service.tree(BOB, execution_id),
        service.roots(BOB, flow_id),
        service.flow(BOB, flow_id),
        anext(service.follow(BOB, execution_id)),
    ):
        with pytest.raises(Forbidden):
            await attempt
    assert await service.flows(BOB) == []
    assert await service.roots(BOB, None) == []
    assert (await service.details(ALICE, execution_id)).status is Status.CREATED


async def test_nobody_overwrites_the_flow_of_another(house: House) -> None:
    flow = read_flow((await house.service.flow(LOCAL, await stored(house))).data)
    with pytest.raises(Forbidden):
        await house.service.import_flow(BOB, flow)


async def test_what_does_not_exist_is_not_found(house: House) -> None:
    with pytest.raises(FlowNotFound, match="Flow with id nope not found"):
        await house.service.create(ALICE, "nope")
    with pytest.raises(ExecutionNotFound, match="Execution with id nope not found"):
        await house.service.start(ALICE, "nope")
    with pytest.raises(FlowNotFound):
        await house.service.roots(ALICE, "nope")


async def test_a_key_gives_the_same_execution_for_the_same_input_only(house: House) -> None:
    flow_id = await stored(house)
    create = house.service.create
    first = await create(ALICE, flow_id, idempotency_key="k")
    assert await create(ALICE, flow_id, idempotency_key="k") == first
    with pytest.raises(IdempotencyConflict):
        await create(ALICE, flow_id, idempotency_key="k", inputs={"sum.a": 5})
    assert await create(LOCAL, flow_id, idempotency_key="k") != first


async def test_start_works_once_and_a_repeated_command_is_answered_again(house: House) -> None:
    execution_id = await house.service.create(ALICE, await stored(house))
    await house.service.start(ALICE, execution_id, command_id="c1")
    await house.service.start(ALICE, execution_id, command_id="c1")
    with pytest.raises(IllegalTransition):
        await house.service.start(ALICE, execution_id)


async def test_a_stop_before_the_start_ends_the_execution_at_once(house: House) -> None:
    execution_id = await house.service.create(ALICE, await stored(house))
    await house.service.stop(ALICE, execution_id)
    events = await events_of(house, execution_id)
    assert events[-1].type == "flow:cancelled"
    assert events[-1].data["reason"] == "User requested stop"
    row = await house.service.details(ALICE, execution_id)
    assert (row.status, row.error_message) == (Status.STOPPED, "User requested stop")
    with pytest.raises(IllegalTransition):
        await house.service.stop(ALICE, execution_id)
    with pytest.raises(IllegalTransition):
        await house.service.start(ALICE, execution_id)


async def test_a_stop_cancels_the_body_and_ends_status_and_stream_together(house: House) -> None:
    builder = FlowBuilder("slow", house.catalog, id="slow", owner="alice")
    builder.add("SleepNode", "s", duration=3_600_000)
    await house.service.import_flow(LOCAL, builder.build())
    execution_id = await house.service.create(ALICE, "slow")
    seen: list[SeenEvent] = []
    async with house.working(), asyncio.timeout(20):
        await house.service.start(ALICE, execution_id)
        async for batch in house.service.follow(ALICE, execution_id):
            seen += batch
            if any(event.type == "node:started" for event in batch):
                await house.service.stop(ALICE, execution_id, reason="enough")
    assert [event.type for event in seen[-3:]] == [
        "node:status-changed",
        "node:failed",
        "flow:cancelled",
    ]
    row = await house.service.details(ALICE, execution_id)
    assert (row.status, row.error_message) == (Status.STOPPED, "enough")


async def test_what_comes_with_an_execution_is_kept_as_javascript_writes_it(
    house: House, tmp_path: Path
) -> None:
    """A client of superjson may send more than JSON; a column of JSON holds no more."""
    at = datetime(2026, 1, 2, tzinfo=UTC)
    sent = {"at": at, "set": {1}, "none": UNDEFINED, "nan": float("nan"), "map": {1: "one"}}
    kept = {"at": "2026-01-02T00:00:00.000Z", "set": [1], "nan": None, "map": [[1, "one"]]}
    async with open_house(Settings(tmp_path), builtin_catalog()) as durable:
        for each in (house, durable):
            execution_id = await each.service.create(
                ALICE,
                await stored(each),
                integration=sent,
                events=[{"eventName": "go", "payload": sent}],
                idempotency_key="one",
            )
            row = await each.service.details(ALICE, execution_id)
            assert row.integration == kept
            assert row.external_events == [{"eventName": "go", "payload": kept}]


async def test_what_json_cannot_say_is_refused(house: House) -> None:
    flow_id = await stored(house)
    endless: dict[str, Any] = {}
    endless["again"] = endless
    for given in ({"integration": endless}, {"inputs": {"sum.a": endless}}):
        with pytest.raises(BadInput, match="JSON cannot say"):
            await house.service.create(ALICE, flow_id, **given)


async def test_inputs_are_for_this_execution_and_the_stored_flow_stays(house: House) -> None:
    flow_id = await stored(house)
    before = (await house.service.flow(LOCAL, flow_id)).data
    execution_id = await house.service.create(ALICE, flow_id, inputs={"sum.a": 40})
    async with house.working():
        await house.service.start(ALICE, execution_id)
        events = await events_of(house, execution_id)
    done = next(event for event in events if event.type == "node:completed")
    values = {port["config"]["id"]: port.get("value") for port in done.data["node"].value["ports"]}
    assert values["result"] == 42
    assert (await house.service.flow(LOCAL, flow_id)).data == before


async def test_wrong_inputs_are_all_named_and_nothing_is_written(house: House) -> None:
    flow_id = await stored(house)
    with pytest.raises(BadInput, match=r"sum\.nope.*sum\.a.*other\.x"):
        await house.service.create(
            ALICE, flow_id, inputs={"sum.nope": 1, "sum.a": "text", "other.x": 1}
        )
    with pytest.raises(BadInput, match="maxConcurrency"):
        await house.service.create(
            ALICE, flow_id, options={"execution": {"maxConcurrency": "many"}}
        )
    assert await house.service.roots(ALICE, flow_id) == []


async def test_a_flow_with_a_missing_input_is_taken_with_the_input(house: House) -> None:
    data = {"id": "needy", "nodes": {"n": {"type": "Needs"}}}
    from chaingraph.flow.compact import read_compact

    flow = read_compact(data, "needy", house.catalog)
    with pytest.raises(InvalidFlow, match=r"n.*text"):
        await house.service.import_flow(LOCAL, flow)
    await house.service.import_flow(LOCAL, flow, {"n.text": "here"})
    assert await house.service.create(LOCAL, "needy", inputs={"n.text": "here"})


async def test_a_value_beyond_the_limit_is_refused_with_its_size(house: House) -> None:
    builder = FlowBuilder("large", house.catalog, id="large")
    builder.add("TextNode", "t", text="x" * 20_000)
    with pytest.raises(ValueTooLarge, match=r"t\.text is 20,00\d bytes; the limit is 10,000"):
        await house.service.import_flow(LOCAL, builder.build())
    assert await house.service.flows(LOCAL) == []


async def test_roots_are_newest_first_and_after_is_strict(house: House) -> None:
    flow_id = await stored(house)
    house_clock = iter(range(1_700_000_000_000, 1_700_000_010_000, 1_000))
    house.service._clock = lambda: next(house_clock)
    ids = [await house.service.create(ALICE, flow_id) for _ in range(3)]
    roots = await house.service.roots(ALICE, flow_id)
    assert [root.execution.id for root in roots] == ids[::-1]
    middle = roots[1].execution.created_at
    assert [
        root.execution.id for root in await house.service.roots(ALICE, flow_id, after=middle)
    ] == [ids[0]]
    later = middle + timedelta(milliseconds=1)
    assert len(await house.service.roots(ALICE, flow_id, after=later)) == 2
    assert len(await house.service.roots(ALICE, flow_id, limit=1)) == 1


async def test_an_import_of_the_same_content_changes_nothing(house: House) -> None:
    flow_id = await stored(house)
    first = await house.service.flow(LOCAL, flow_id)
    await stored(house)
    assert await house.service.flow(LOCAL, flow_id) == first
    await house.service.import_flow(
        LOCAL, read_flow({**first.data, "metadata": {**first.data["metadata"], "name": "other"}})
    )
    assert (await house.service.flow(LOCAL, flow_id)).version == 2
