"""tRPC over WebSocket, driven through the application."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import ASGIApp

from chaingraph.api.app import build_app
from chaingraph.api.identity.credentials import Credentials
from chaingraph.api.identity.visitor import Gate
from chaingraph.api.websocket import KeepAlive
from chaingraph.errors import StoreUnavailable
from chaingraph.execution.principals import Principal
from chaingraph.execution.records import ExecutionRow
from tests.api.fake_service import FakeService
from tests.api.peers import Peer, connected


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def app(service: FakeService) -> ASGIApp:
    return build_app(service, keep_alive=None, close_delay=0)


async def open_peer(peer: Peer) -> None:
    assert await peer.message() == {"type": "websocket.accept"}


async def create(peer: Peer, flow_id: str = "quick") -> str:
    peer.call("create", "mutation", "create", flowId=flow_id)
    result = await peer.result()
    execution_id: str = result["executionId"]
    return execution_id


async def subscribe(peer: Peer, execution_id: str, id: int = 1, **given: Any) -> None:
    peer.call(id, "subscription", "subscribeToExecutionEvents", executionId=execution_id, **given)
    assert (await peer.frame())["result"] == {"type": "started"}


def types(frames: list[Any]) -> list[str]:
    datas = [each["result"]["data"] for each in frames if each["result"]["type"] == "data"]
    return [event["type"] for data in datas for event in data["json"]]


async def test_a_plain_subscription_runs_from_creation_to_its_end(app: ASGIApp) -> None:
    async with connected(app) as peer:
        await open_peer(peer)
        execution_id = await create(peer)
        await subscribe(peer, execution_id)
        created = await peer.frame()
        assert created["result"]["data"]["meta"]["values"] == {
            "0.timestamp": ["Date"],
            "0.data.flowMetadata.createdAt": ["Date"],
        }
        peer.call(2, "mutation", "start", executionId=execution_id)
        frames = await peer.until("stopped")
    events = types([each for each in frames if each["id"] == 1])
    assert events[0] == "flow:started"
    assert events[-1] == "flow:completed"
    assert "custom" not in str(frames)


async def test_the_original_dialect_wraps_events_and_stays_open(
    app: ASGIApp, service: FakeService
) -> None:
    async with connected(app, "/") as peer:
        await open_peer(peer)
        execution_id = await create(peer)
        peer.call(2, "mutation", "start", executionId=execution_id)
        assert await peer.result() == {"success": True}
        await subscribe(peer, execution_id)
        data = (await peer.frame())["result"]["data"]
        assert "node:stream-chunk" not in [event["type"] for event in data["json"]]
        assert data["json"][-1]["type"] == "flow:completed"
        assert data["json"][2]["data"]["meta"]["values"] == {"node": [["custom", "BaseNode"]]}
        assert data["meta"]["values"]["0"] == [["custom", "ExecutionEventImpl"]]
        peer.send({"id": 1, "method": "subscription.stop"})
        assert await peer.frame() == {"id": 1, "result": {"type": "stopped"}}


async def test_the_original_dialect_sends_new_events_to_who_names_them(app: ASGIApp) -> None:
    async with connected(app, "/") as peer:
        await open_peer(peer)
        execution_id = await create(peer)
        peer.call(2, "mutation", "start", executionId=execution_id)
        await peer.result()
        await subscribe(peer, execution_id, eventTypes=["node:stream-chunk"])
        [event] = (await peer.frame())["result"]["data"]["json"]
    assert event["type"] == "node:stream-chunk"
    assert event["index"] == 2


async def test_a_stopped_subscription_cleans_up_and_other_calls_go_on(
    app: ASGIApp, service: FakeService
) -> None:
    async with connected(app) as peer:
        await open_peer(peer)
        execution_id = await create(peer, "endless")
        await subscribe(peer, execution_id)
        await peer.frame()
        assert service.followers == 1
        peer.send({"id": 1, "method": "subscription.stop"})
        assert await peer.frame() == {"id": 1, "result": {"type": "stopped"}}
        await service.idle.wait()
        peer.call(3, "mutation", "stop", executionId=execution_id, reason="enough")
        assert await peer.result() == {"success": True}
        peer.call(4, "query", "getExecutionDetails", executionId=execution_id)
        assert (await peer.result())["errorMessage"] == "enough"


async def test_a_lost_connection_ends_its_subscriptions(app: ASGIApp, service: FakeService) -> None:
    async with connected(app) as peer:
        await open_peer(peer)
        execution_id = await create(peer, "endless")
        for id in range(5):
            await subscribe(peer, execution_id, id)
            await peer.frame()
        assert service.followers == 5
    assert service.followers == 0


async def test_a_slow_call_does_not_hold_up_the_others_nor_ping() -> None:
    class Slow(FakeService):
        release = asyncio.Event()

        async def details(self, principal: Principal, execution_id: str) -> ExecutionRow:
            await self.release.wait()
            return await super().details(principal, execution_id)

    service = Slow()
    async with connected(build_app(service, keep_alive=None)) as peer:
        await open_peer(peer)
        execution_id = await create(peer)
        peer.call("slow", "query", "getExecutionDetails", executionId=execution_id)
        peer.send("PING")
        assert await peer.text() == "PONG"
        await create(peer)
        service.release.set()
        assert (await peer.frame())["id"] == "slow"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (StoreUnavailable("try again"), "SERVICE_UNAVAILABLE", "try again"),
        (RuntimeError("password=hunter2"), "INTERNAL_SERVER_ERROR", "Internal server error"),
    ],
)
async def test_unexpected_errors_hide_what_they_say(
    error: Exception, code: str, message: str
) -> None:
    class Broken(FakeService):
        async def details(self, principal: Principal, execution_id: str) -> ExecutionRow:
            raise error

    async with connected(build_app(Broken(), keep_alive=None)) as peer:
        await open_peer(peer)
        peer.call(1, "query", "getExecutionDetails", executionId="x")
        shape = (await peer.frame())["error"]["json"]
    assert shape["message"] == message
    assert shape["data"]["code"] == code
    assert shape["data"]["zodError"] is None


async def test_an_unknown_execution_is_refused_before_the_stream_begins(app: ASGIApp) -> None:
    async with connected(app) as peer:
        await open_peer(peer)
        peer.call(1, "subscription", "subscribeToExecutionEvents", executionId="nope")
        frame = await peer.frame()
        assert frame["error"]["json"]["data"]["code"] == "NOT_FOUND"
        await create(peer)


async def test_a_caller_without_a_valid_token_stays_connected_and_is_refused() -> None:
    async def only_token_x(credentials: Credentials) -> Principal | None:
        return Principal("local") if credentials.token == "x" else None

    app = build_app(FakeService(), gate=Gate(only_token_x), keep_alive=None)
    for token, key in (("x", "result"), ("y", "error")):
        async with connected(app, query="connectionParams=1") as peer:
            await open_peer(peer)
            peer.send({"method": "connectionParams", "data": {"sessionBadAI": token}})
            peer.call(1, "mutation", "create", flowId="quick")
            assert key in await peer.frame()


async def test_a_failing_authentication_is_told_to_every_call() -> None:
    async def explode(credentials: Credentials) -> Principal | None:
        raise StoreUnavailable("try again")

    async with connected(build_app(FakeService(), gate=Gate(explode))) as peer:
        await open_peer(peer)
        for id in (1, 2):
            peer.call(id, "mutation", "create", flowId="quick")
            assert (await peer.frame())["error"]["json"]["message"] == "try again"


async def test_a_malformed_first_frame_is_answered_and_then_the_socket_closes(
    app: ASGIApp,
) -> None:
    async with connected(app, query="connectionParams=1") as peer:
        await open_peer(peer)
        peer.send("{bad")
        assert (await peer.frame())["error"]["json"]["data"]["code"] == "PARSE_ERROR"
        assert await peer.message() == {"type": "websocket.close", "code": 1000}


async def test_a_binary_frame_is_refused_and_the_socket_lives_on(app: ASGIApp) -> None:
    async with connected(app) as peer:
        await open_peer(peer)
        peer.send_binary(b"PING")
        assert (await peer.frame())["id"] is None
        await create(peer)


async def test_silence_is_met_with_ping_and_then_given_up() -> None:
    app = build_app(FakeService(), keep_alive=KeepAlive(0.01, 0.2))
    async with connected(app) as peer:
        await open_peer(peer)
        assert await peer.text() == "PING"
        peer.send("PONG")
        assert await peer.text() == "PING"
        assert await peer.message() == {"type": "websocket.close", "code": 1001}


async def test_a_page_of_a_foreign_host_may_not_open_a_socket(app: ASGIApp) -> None:
    headers = [("origin", "https://evil.example"), ("host", "localhost:4021")]
    async with connected(app, headers=headers) as peer:
        assert (await peer.message())["type"] == "websocket.close"
    async with connected(app, headers=[("origin", "http://localhost:3000")]) as peer:
        await open_peer(peer)
