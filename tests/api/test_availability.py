"""What clients see of a database that is away, and of a server that ends."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from chaingraph.api.app import build_app
from chaingraph.api.farewell import Farewell
from chaingraph.api.health import build_health_app
from chaingraph.errors import StoreUnavailable
from tests.api.fake_service import FakeService
from tests.api.peers import connected

DETAILS = f"/trpc/getExecutionDetails?input={json.dumps({'json': {'executionId': 'EX1'}})}"


class Away(FakeService):
    async def details(self, *args: Any, **named: Any) -> Any:
        raise StoreUnavailable("The database is not reachable")


class Hanging(FakeService):
    async def details(self, *args: Any, **named: Any) -> Any:
        await asyncio.Event().wait()


async def not_ready() -> None:
    raise StoreUnavailable("The database does not answer")


async def get(app: Any, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path)


async def test_a_store_that_is_away_is_503() -> None:
    answer = await get(build_app(Away()), DETAILS)
    error = answer.json()["error"]["json"]
    assert (answer.status_code, error["data"]["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert error["message"] == "The database is not reachable"


async def test_a_store_that_does_not_answer_is_503_after_a_bounded_time() -> None:
    answer = await get(build_app(Hanging(), patience=0.05), DETAILS)
    assert answer.status_code == 503
    assert "did not answer within 0.05 s" in answer.json()["error"]["json"]["message"]


async def test_a_subscription_that_began_has_all_the_time() -> None:
    service = FakeService()
    async with connected(build_app(service, keep_alive=None, patience=0.0)) as peer:
        assert (await peer.message())["type"] == "websocket.accept"
        peer.call(1, "mutation", "create", flowId="endless")
        execution_id = (await peer.result())["executionId"]
        peer.call(2, "subscription", "subscribeToExecutionEvents", executionId=execution_id)
        await peer.until("data")
        peer.call(3, "mutation", "stop", executionId=execution_id)
        frames = await peer.until("stopped")
        assert all("error" not in frame for frame in frames)


@pytest.mark.parametrize(
    "build", [lambda ready: build_app(FakeService(), ready=ready), build_health_app]
)
async def test_ready_depends_on_the_database_and_health_does_not(build: Any) -> None:
    app = build(not_ready)
    for path, status, word in (
        ("/health", 200, "healthy"),
        ("/healthz", 200, "healthy"),
        ("/ready", 503, "unavailable"),
    ):
        answer = await get(app, path)
        assert (answer.status_code, answer.json()["status"]) == (status, word)
        assert set(answer.json()) == {"status", "timestamp", "uptime"}


async def test_a_server_that_ends_tells_sockets_to_come_back_and_closes_them_at_once() -> None:
    farewell = Farewell()
    app = build_app(FakeService(), keep_alive=None, farewell=farewell)
    async with connected(app) as peer, asyncio.TaskGroup() as tasks:
        assert (await peer.message())["type"] == "websocket.accept"
        peer.call(1, "mutation", "create", flowId="endless")
        await peer.result()
        saying = tasks.create_task(farewell.say(within=10))
        assert await peer.frame() == {"id": None, "method": "reconnect"}
        assert await peer.message() == {"type": "websocket.close", "code": 1012}
        peer.incoming.put_nowait({"type": "websocket.disconnect", "code": 1012})
        await saying


async def test_an_event_source_is_cut_in_the_middle_so_that_it_comes_back() -> None:
    service, farewell = FakeService(), Farewell()
    app = build_app(service, farewell=farewell)
    asked = json.dumps({"json": {"executionId": "EX1"}})
    path = f"/trpc/subscribeToExecutionEvents?input={asked}"
    async with connected(app) as peer:
        assert (await peer.message())["type"] == "websocket.accept"
        peer.call(1, "mutation", "create", flowId="endless")
        await peer.result()
        async with asyncio.TaskGroup() as tasks:
            streaming = tasks.create_task(_get_stream(app, path, begun=(begun := asyncio.Event())))
            await begun.wait()
            tasks.create_task(farewell.say(within=0.01))
    text = streaming.result()
    assert b"event: connected" in text and b"execution:created" in text
    assert b"event: return" not in text
    assert not service.followers


async def _get_stream(app: Any, path: str, begun: asyncio.Event) -> bytes:
    """The whole body of a response; `begun` is set at the first event of the execution."""
    route, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": "GET",
        "path": route,
        "query_string": query.encode(),
        "headers": [(b"accept", b"text/event-stream")],
    }
    body: list[bytes] = []
    asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        for message in asked:
            return message
        return await asyncio.Event().wait()

    async def send(message: Any) -> None:
        body.append(message.get("body", b""))
        if b"execution:created" in body[-1]:
            begun.set()

    await app(scope, receive, send)
    return b"".join(body)
