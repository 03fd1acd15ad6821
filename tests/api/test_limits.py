"""The limits of one client, and what else it can do to its own connection."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from starlette.types import ASGIApp

from chaingraph.api.app import SUPERJSON, build_app
from chaingraph.api.dialects import PLAIN
from chaingraph.api.failures import describe
from chaingraph.api.farewell import Farewell
from chaingraph.api.identity.visitor import OPEN_GATE
from chaingraph.api.procedures import router
from chaingraph.api.websocket import TrpcWebSocket
from chaingraph.trpc.limits import Limits
from chaingraph.trpc.wire import Wire
from tests.api.fake_service import FakeService
from tests.api.peers import connected


@pytest.fixture
def socket() -> TrpcWebSocket:
    wire = Wire(router(FakeService(), PLAIN), SUPERJSON, describe)
    limits = Limits(message=200, subscriptions=1)
    return TrpcWebSocket(wire, OPEN_GATE, Farewell(), close_delay=0, limits=limits)


async def test_a_message_too_large_closes_with_1009(socket: ASGIApp) -> None:
    async with connected(socket) as peer:
        assert await peer.message() == {"type": "websocket.accept"}
        peer.send(" " * 201)
        assert await peer.message() == {"type": "websocket.close", "code": 1009}


async def test_a_subscription_too_many_is_refused_and_the_first_goes_on(socket: ASGIApp) -> None:
    async with connected(socket) as peer:
        await peer.message()
        peer.call(1, "mutation", "create", flowId="quick")
        execution_id = (await peer.result())["executionId"]
        for id in (1, 2):
            peer.call(id, "subscription", "subscribeToExecutionEvents", executionId=execution_id)
        frames = [await peer.frame() for _ in range(3)]
        [refused] = [frame for frame in frames if frame["id"] == 2]
        assert refused["error"]["json"]["data"]["code"] == "TOO_MANY_REQUESTS"
        kinds = [frame["result"]["type"] for frame in frames if frame["id"] == 1]
        assert kinds == ["started", "data"]


async def test_a_subscription_may_fail_while_its_stop_waits_behind_a_slow_reader() -> None:
    app = build_app(FakeService(), keep_alive=None)
    unknown = {"path": "subscribeToExecutionEvents", "input": {"json": {"executionId": "none"}}}
    nowhere = {"path": "nowhere", "input": {"json": {}}}
    async with connected(app) as peer:
        peer.outgoing = asyncio.Queue(maxsize=1)
        await peer.message()
        message = [
            {"id": 1, "method": "subscription", "params": unknown},
            *({"id": 2, "method": "query", "params": nowhere} for _ in range(80)),
            {"id": 1, "method": "subscription.stop"},
            {"id": 3, "method": "query", "params": nowhere},
        ]
        peer.send(message)
        ids = [(await peer.frame())["id"] for _ in range(82)]
        assert ids[-2:] == [1, 3]


async def test_a_subscription_by_a_wrong_method_is_refused_in_a_stream() -> None:
    transport = httpx.ASGITransport(build_app(FakeService()))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.post("/trpc/subscribeToExecutionEvents", json={"json": {}})
    assert answer.status_code == 200
    _connected, refused, *_ = answer.text.split("\n\n")
    name, data = refused.split("\n")
    assert name == "event: serialized-error"
    shape = json.loads(data.removeprefix("data: "))["json"]
    assert shape["data"]["code"] == "METHOD_NOT_SUPPORTED"
