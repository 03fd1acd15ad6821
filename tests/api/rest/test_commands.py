"""Commands over REST, and new executions made of old ones."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from chaingraph.api.app import build_app
from chaingraph.api.rest.commands import COMMANDS
from chaingraph.trpc.router import Procedure
from tests.api.fake_service import FakeService
from tests.api.rest.calls import STREAM, SUM, WAITING, create, finished, messages


async def types_of(client: httpx.AsyncClient, execution_id: str) -> list[str]:
    page = await client.get(f"/executions/{execution_id}/events", params={"limit": 1000})
    return [each["type"] for each in page.json()["events"]]


@pytest.mark.parametrize(
    ("path", "body", "type_", "said"),
    [
        (
            "pause",
            {"reason": "look", "tree": True},
            "flow:paused",
            {"reason": "look", "tree": True},
        ),
        ("resume", {"tree": True}, "flow:resumed", {"tree": True}),
        ("step", None, "debug:stepped", {"nodeId": "n0"}),
        ("stop", {"reason": "enough"}, "flow:cancelled", {"reason": "enough"}),
        ("breakpoints", {"breakpoints": ["n0"]}, "debug:breakpoints-set", {"breakpoints": ["n0"]}),
        (
            "signals",
            {"name": "go", "value": {"n": [1]}},
            "signal:received",
            {"name": "go", "value": {"n": [1]}, "signalId": "k"},
        ),
    ],
)
async def test_a_command_is_accepted_and_says_what_was_sent(
    path: str, body: Any, type_: str, said: dict[str, Any]
) -> None:
    service = FakeService()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(build_app(service)), base_url="http://test/api/v1"
    ) as client:
        made = await client.post("/executions", json={"flowId": "endless", "start": True})
        where = f"/executions/{made.json()['executionId']}/{path}"
        answer = await client.post(where, json=body, headers={"idempotency-key": "k"})
    assert (answer.status_code, answer.json()) == (202, {"success": True})
    (execution,) = service.executions.values()
    assert execution.events[-1].type == type_
    assert execution.events[-1].data.items() >= said.items()


async def test_a_signal_lets_an_execution_go_on(client: httpx.AsyncClient) -> None:
    execution_id = await create(client, WAITING)
    answer = await client.post(f"/executions/{execution_id}/signals", json={"name": "go"})
    assert answer.status_code == 202
    stream = await client.get(f"/executions/{execution_id}/events", headers=STREAM)
    assert "flow:completed" in stream.text


async def test_a_command_with_the_same_key_is_one_command(client: httpx.AsyncClient) -> None:
    execution_id = await create(client, SUM, start=False)
    where, key = f"/executions/{execution_id}/start", {"idempotency-key": "once"}
    answers = [await client.post(where, headers=key) for _ in range(2)]
    assert [each.status_code for each in answers] == [202, 202]
    assert (await client.post(where)).status_code == 400


async def test_what_the_status_does_not_allow_is_refused(client: httpx.AsyncClient) -> None:
    execution_id = await finished(client)
    for each in ("start", "stop", "pause", "resume", "step"):
        answer = await client.post(f"/executions/{execution_id}/{each}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BAD_REQUEST")
        assert "completed" in answer.json()["error"]["message"]


@pytest.mark.parametrize("name", ["start", "stop", "pause", "resume", "step"])
async def test_only_the_owner_commands(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, name: str
) -> None:
    execution_id = await create(alice, SUM, start=False)
    assert (await bob.post(f"/executions/{execution_id}/{name}")).status_code == 403
    assert (await bob.post(f"/executions/EXnone/{name}")).status_code == 404
    assert await types_of(alice, execution_id) == ["execution:created"]


async def test_a_fork_is_a_new_execution_which_names_the_old_one(
    client: httpx.AsyncClient,
) -> None:
    execution_id = await finished(client)
    asked = {"nodes": ["add"], "inputs": {"add.a": 40}}
    key = {"idempotency-key": "f"}
    forks = [
        await client.post(f"/executions/{execution_id}/fork", json=asked, headers=key)
        for _ in range(2)
    ]
    assert [each.status_code for each in forks] == [201, 201]
    (fork_id,) = {each.json()["executionId"] for each in forks}
    shown = await client.get(forks[0].headers["location"].removeprefix("/api/v1"))
    assert (shown.json()["id"], shown.json()["forkedFrom"]) == (fork_id, execution_id)
    stream = await client.get(f"/executions/{fork_id}/events", headers=STREAM)
    completed = [m.data for m in messages(stream.text) if m.event is None]
    (node,) = [e["data"]["node"] for e in completed if e["type"] == "node:completed"][-1:]
    assert next(p["value"] for p in node["ports"] if p["config"]["id"] == "result") == 42


async def test_what_did_not_fail_is_not_retried(client: httpx.AsyncClient) -> None:
    execution_id = await finished(client)
    answer = await client.post(f"/executions/{execution_id}/retry", json={"start": False})
    assert answer.status_code == 400


def test_every_mutation_of_the_wire_is_a_command_a_descendant_or_creates() -> None:
    from chaingraph.api.rest.commands import DESCENDANTS
    from chaingraph.api.rest.procedures import rest_router

    offered: dict[str, Procedure] = dict(rest_router(FakeService()))
    named = {each.name.replace("set_b", "setB").replace("send_s", "sendS") for each in COMMANDS}
    named |= {each.name for each in DESCENDANTS} | {"create", "storeFlow", "deleteFlow"}
    named |= {"shareExecution", "unshareExecution"}
    assert named == {name for name, each in offered.items() if each.kind == "mutation"}
