"""The procedures that steer executions and make new ones of old ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from chaingraph.api.app import build_app
from chaingraph.api.identity.credentials import Credentials
from chaingraph.api.identity.visitor import Gate
from chaingraph.execution.principals import Principal
from tests.api.fake_service import ASSIGNEE, FakeService


class Client:
    """Calls mutations as whoever its token names."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def call(self, path: str, *, caller: str = "local", **given: Any) -> Any:
        """The result, or the code of the refusal."""
        headers = {"authorization": f"Bearer {caller}"}
        answer = await self._http.post(f"/trpc/{path}", json={"json": given}, headers=headers)
        content = answer.json()
        if "error" in content:
            return content["error"]["json"]["data"]["code"]
        return content["result"]["data"]["json"]

    async def running(self) -> str:
        """The id of an execution that runs until it is stopped."""
        execution_id: str = (await self.call("create", flowId="endless"))["executionId"]
        await self.call("start", executionId=execution_id)
        return execution_id


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
async def client(service: FakeService) -> AsyncIterator[Client]:
    async def by_token(credentials: Credentials) -> Principal | None:
        return Principal(credentials.token) if credentials.token else None

    transport = httpx.ASGITransport(build_app(service, gate=Gate(by_token)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        yield Client(http)


@pytest.mark.parametrize(
    ("path", "given", "type_", "said"),
    [
        ("pause", {}, "flow:paused", {"reason": None, "tree": False, "now": False}),
        (
            "pause",
            {"reason": "look", "tree": True, "now": True},
            "flow:paused",
            {"reason": "look", "tree": True, "now": True},
        ),
        ("resume", {"tree": True}, "flow:resumed", {"tree": True}),
        ("step", {}, "debug:stepped", {"nodeId": "n0"}),
        (
            "setBreakpoints",
            {"breakpoints": ["a", {"nodeId": "b", "condition": "x > 1"}, {"edgeId": "e"}]},
            "debug:breakpoints-set",
            {"breakpoints": ["a", {"nodeId": "b", "condition": "x > 1"}, {"edgeId": "e"}]},
        ),
        ("setBreakpoints", {"breakpoints": []}, "debug:breakpoints-set", {"breakpoints": []}),
        (
            "sendSignal",
            {"name": "go", "value": {"a": [1]}},
            "signal:received",
            {"name": "go", "value": {"a": [1]}, "signalId": None},
        ),
        ("sendSignal", {"name": "go"}, "signal:received", {"name": "go", "value": None}),
    ],
)
async def test_a_command_reaches_the_service_as_it_was_given(
    client: Client,
    service: FakeService,
    path: str,
    given: dict[str, Any],
    type_: str,
    said: dict[str, Any],
) -> None:
    execution_id = await client.running()
    assert await client.call(path, executionId=execution_id, **given) == {"success": True}
    last = service.executions[execution_id].events[-1]
    assert last.type == type_
    assert said.items() <= last.data.items()


@pytest.mark.parametrize("name", ["commandId", "signalId"])
async def test_the_id_of_a_signal_has_two_names(
    client: Client, service: FakeService, name: str
) -> None:
    execution_id = await client.running()
    await client.call("sendSignal", executionId=execution_id, name="go", **{name: "once"})
    assert service.executions[execution_id].events[-1].data["signalId"] == "once"


async def test_who_is_asked_for_an_answer_need_not_own_the_execution(client: Client) -> None:
    signal = {"executionId": await client.running(), "name": "go"}
    assert await client.call("sendSignal", caller=ASSIGNEE, **signal) == {"success": True}
    assert await client.call("sendSignal", caller="stranger", **signal) == "FORBIDDEN"
    assert await client.call("sendSignal", caller="", **signal) == "UNAUTHORIZED"


@pytest.mark.parametrize("path", ["pause", "resume", "step", "setBreakpoints", "fork", "retry"])
async def test_nobody_else_may_steer_and_learns_nothing_of_the_input(
    client: Client, path: str
) -> None:
    execution_id = await client.running()
    given: dict[str, Any]
    for given in ({}, {"breakpoints": 5, "tree": 5, "start": 5}):
        refused = await client.call(path, caller=ASSIGNEE, executionId=execution_id, **given)
        assert refused == "FORBIDDEN"
    assert await client.call(path, executionId="EXnobody") == "NOT_FOUND"


async def test_what_the_status_does_not_allow_is_a_bad_request(client: Client) -> None:
    execution_id = await client.running()
    await client.call("pause", executionId=execution_id)
    assert await client.call("pause", executionId=execution_id) == "BAD_REQUEST"
    assert await client.call("retry", executionId=execution_id) == "BAD_REQUEST"


async def test_a_fork_is_a_new_execution_that_starts_unless_told_otherwise(
    client: Client, service: FakeService
) -> None:
    old = await client.running()
    asked: dict[str, Any] = {"nodes": ["a"], "inputs": {"a.x": 1}, "newer": True}
    forked = (await client.call("fork", executionId=old, **asked))["executionId"]
    waiting = (await client.call("fork", executionId=old, start=False))["executionId"]
    new = service.executions[forked]
    assert (new.row.forked_from, new.row.status) == (old, "running")
    assert new.events[1].data["log"] == asked
    assert service.executions[waiting].row.status == "created"


async def test_a_retry_is_a_fork_of_what_has_failed(client: Client, service: FakeService) -> None:
    old = await client.running()
    await client.call("stop", executionId=old)
    retried = (await client.call("retry", executionId=old))["executionId"]
    assert service.executions[retried].row.forked_from == old
