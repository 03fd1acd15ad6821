"""Each procedure, called through the client against an executor that works."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta

import pytest

from chaingraph.client import AsyncClient, Status
from chaingraph.errors import (
    BadInput,
    Forbidden,
    IdempotencyConflict,
    NotFound,
    Refused,
    Unauthorized,
)
from tests.client.conftest import first_of


async def end(client: AsyncClient, execution_id: str) -> Status:
    async for _ in client.follow(execution_id):
        pass
    return (await client.details(execution_id)).status


async def test_what_is_created_waits_for_its_start(client: AsyncClient) -> None:
    execution_id = await client.create("sum", options={"debug": True})
    made = await client.details(execution_id)
    assert (made.id, made.flow_id, made.status) == (execution_id, "sum", Status.CREATED)
    assert made.options == {"debug": True}
    assert made.created_at.tzinfo is UTC
    await client.start(execution_id)
    assert await end(client, execution_id) is Status.COMPLETED


async def test_a_run_tells_the_outputs_of_its_nodes(client: AsyncClient) -> None:
    outcome = await client.run("sum")
    assert (outcome.status, outcome.error) == (Status.COMPLETED, None)
    assert outcome.nodes["total"].status == "completed"
    assert outcome.nodes["total"].outputs == {"result": 43}


async def test_a_run_takes_values_of_ports(client: AsyncClient) -> None:
    outcome = await client.run("sum", inputs={"total.b": 8})
    assert outcome.nodes["total"].outputs == {"result": 50}
    with pytest.raises(BadInput, match=r"total\.nothing"):
        await client.create("sum", inputs={"total.nothing": 8})


async def test_a_share_is_made_listed_and_taken_back(client: AsyncClient) -> None:
    execution_id = await client.create("sum")
    made = await client.share(execution_id, name="for bob", expires_in=timedelta(hours=1))
    assert made.token is not None and made.expires_at is not None
    assert made.expires_at - made.created_at == timedelta(hours=1)
    assert await client.shares(execution_id) == [replace(made, token=None)]
    await client.unshare(execution_id, made.id)
    assert await client.shares(execution_id) == []
    with pytest.raises(NotFound):
        await client.unshare(execution_id, "other")


async def test_a_run_tells_what_went_wrong(client: AsyncClient) -> None:
    nodes = (await client.run("broken")).nodes
    assert {name: each.status for name, each in nodes.items()} == {
        "good": "completed",
        "bad": "failed",
        "never": "skipped",
    }
    assert nodes["bad"].error == "it is broken"


async def test_a_run_under_the_same_key_is_the_same_run(client: AsyncClient) -> None:
    first = await client.run("sum", idempotency_key="today")
    assert await client.run("sum", idempotency_key="today") == first
    assert len(await client.roots("sum")) == 1


async def test_a_stopped_run_tells_the_reason(client: AsyncClient) -> None:
    execution_id = await client.create("asking", idempotency_key="k")
    await client.start(execution_id, command_id="k")
    await client.stop(execution_id, reason="no need")
    outcome = await client.run("asking", idempotency_key="k")
    assert (outcome.status, outcome.error) == (Status.STOPPED, "no need")


async def test_breakpoints_steps_and_resume(client: AsyncClient) -> None:
    execution_id = await client.create("sum")
    await client.set_breakpoints(execution_id, [{"nodeId": "product", "condition": "a > 5"}])
    await client.start(execution_id)
    await first_of(client, execution_id, "flow:paused")
    await client.step(execution_id)
    await first_of(client, execution_id, "debug:stepped")
    await client.set_breakpoints(execution_id, [])
    await client.resume(execution_id, tree=True)
    assert await end(client, execution_id) is Status.COMPLETED


async def test_a_pause_says_why(client: AsyncClient) -> None:
    execution_id = await client.create("asking")
    await client.start(execution_id)
    await client.pause(execution_id, reason="lunch", tree=True, now=True)
    paused = await first_of(client, execution_id, "flow:paused")
    assert (paused.data["reason"], paused.data["tree"]) == ("lunch", True)


async def test_a_signal_is_the_answer(client: AsyncClient) -> None:
    execution_id = await client.create("asking")
    await client.start(execution_id)
    await client.signal(execution_id, "approval", {"yes": True})
    seen = [each async for each in client.follow(execution_id, types=["signal:received"])]
    assert [each.data["value"] for each in seen] == [{"yes": True}]


async def test_forks_and_retries(client: AsyncClient) -> None:
    failed = (await client.run("broken")).execution_id
    retried = await client.retry(failed)
    forked = await client.fork(failed, nodes=["good"], inputs={"good.a": 2}, start=False)
    assert (await client.details(retried)).forked_from == failed
    assert (await client.details(forked)).status is Status.CREATED
    assert await end(client, retried) is Status.COMPLETED


async def test_trees_and_roots(client: AsyncClient) -> None:
    run = await client.run("parent")
    parent, child = await client.tree(run.execution_id)
    assert (parent.level, child.level, child.parent_id) == (0, 1, run.execution_id)
    assert child.execution.flow_id == "sum"
    (root,) = await client.roots("parent")
    assert (root.execution, root.levels, root.total_nested) == (parent.execution, 1, 1)
    assert await client.roots("parent", limit=5, after=root.execution.created_at) == []


async def test_refusals_are_raised_as_errors_of_their_own(client: AsyncClient) -> None:
    with pytest.raises(NotFound, match="Flow with id nowhere not found"):
        await client.create("nowhere")
    with pytest.raises(NotFound, match="Execution with id EX0 not found"):
        await client.details("EX0")
    with pytest.raises(NotFound, match="Execution with id EX0 not found"):
        await anext(client.follow("EX0"))
    execution_id = await client.create("sum", idempotency_key="k")
    with pytest.raises(IdempotencyConflict, match="was used before with other input"):
        await client.create("asking", idempotency_key="k")
    with pytest.raises(BadInput, match="Cannot resume execution"):
        await client.resume(execution_id)
    with pytest.raises(BadInput, match="limit"):
        await client.roots("sum", limit=0)


async def test_others_are_refused(url: str, client: AsyncClient) -> None:
    execution_id = await client.create("sum")
    async with AsyncClient(url, "somebody") as other:
        with pytest.raises(Forbidden, match="belongs to another owner"):
            await other.details(execution_id)
        with pytest.raises(Forbidden, match="belongs to another owner"):
            await anext(other.follow(execution_id))
    async with AsyncClient(url) as nobody:
        with pytest.raises(Unauthorized):
            await nobody.details(execution_id)


async def test_a_refusal_without_a_class_keeps_its_code(client: AsyncClient) -> None:
    with pytest.raises(Refused) as caught:
        await client._connection.query("create")
    assert caught.value.code == "METHOD_NOT_SUPPORTED"


async def test_an_address_of_something_else_is_bad_input(url: str) -> None:
    async with AsyncClient(f"{url}/elsewhere", timeout=0) as client:
        with pytest.raises(BadInput, match="is no ChainGraph server: it answers HTTP 404"):
            await client.details("EX0")
        with pytest.raises(BadInput, match="is no ChainGraph server: it answers HTTP 404"):
            await anext(client.follow("EX0"))
    with pytest.raises(BadInput, match="begins with http"):
        AsyncClient("localhost:4021")
