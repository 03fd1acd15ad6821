"""The limits of one client, and what else it can do to its own connection."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from chaingraph.api.app import SUPERJSON, build_app
from chaingraph.api.dialects import PLAIN
from chaingraph.api.failures import describe
from chaingraph.api.farewell import Farewell
from chaingraph.api.identity.credentials import Authenticate, Credentials
from chaingraph.api.identity.visitor import OPEN_GATE, Gate
from chaingraph.api.procedures import router
from chaingraph.api.uploads import LARGE
from chaingraph.api.websocket import TrpcWebSocket
from chaingraph.errors import StoreUnavailable
from chaingraph.execution.principals import Principal
from chaingraph.trpc.limits import DEFAULT_LIMITS, Limits
from chaingraph.trpc.transformer import Transformer
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


class Reading:
    """Inputs that are read only once somebody says so, unless they are small."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()

    def socket(self) -> TrpcWebSocket:
        wire = Wire(router(FakeService(), PLAIN), self.transformer, describe)
        return TrpcWebSocket(wire, OPEN_GATE, Farewell())

    @property
    def transformer(self) -> Transformer:
        return Transformer(SUPERJSON.encode, self._decode, SUPERJSON.undefined)

    def _decode(self, envelope: Any) -> Any:
        if "padding" in envelope["json"]:
            del envelope["json"]["padding"]
            self.begun.set()
            assert self.go_on.wait(10)
        return SUPERJSON.decode(envelope)


async def test_while_a_large_message_is_read_pings_are_answered_and_the_rest_waits() -> None:
    reading = Reading()
    async with connected(reading.socket()) as peer:
        await peer.message()
        peer.call(1, "mutation", "create", flowId="quick", padding="x" * LARGE)
        peer.call(2, "mutation", "create", flowId="quick", padding="x" * LARGE)
        peer.send({"id": 3, "method": "bogus"})
        await asyncio.to_thread(reading.begun.wait, 10)
        assert peer.outgoing.empty()
        reading.go_on.set()
        assert [(await peer.frame())["id"] for _ in range(3)] == [1, 2, None]


async def test_a_ping_overtakes_a_large_message() -> None:
    reading = Reading()
    async with connected(reading.socket()) as peer:
        await peer.message()
        peer.call(1, "mutation", "create", flowId="quick", padding="x" * LARGE)
        peer.send("PING")
        assert await peer.text() == "PONG"
        assert not reading.go_on.is_set()
        reading.go_on.set()
        assert (await peer.frame())["id"] == 1


async def test_a_client_may_go_while_its_large_message_is_read() -> None:
    reading = Reading()
    async with asyncio.timeout(10), connected(reading.socket()) as peer:
        await peer.message()
        peer.call(1, "mutation", "create", flowId="quick", padding="x" * LARGE)
        await asyncio.to_thread(reading.begun.wait, 10)
    reading.go_on.set()


CREATE = {"path": "create", "input": {"json": {"flowId": "quick"}}}


def guarded(authenticate: Authenticate) -> ASGIApp:
    return build_app(FakeService(), gate=Gate(authenticate), keep_alive=None)


async def only_ann(credentials: Credentials) -> Principal | None:
    return Principal("local") if credentials.token == "ann" else None


async def test_only_of_a_known_caller_a_large_message_is_read() -> None:
    app = guarded(only_ann)
    for token, seen in (("ann", (1, "result")), ("bob", (None, "error"))):
        headers = [("authorization", f"Bearer {token}")]
        async with connected(app, headers=headers) as peer:
            await peer.message()
            text = json.dumps({"id": 1, "method": "mutation", "params": CREATE})
            peer.send(text.ljust(DEFAULT_LIMITS.stranger + 1))
            frame = await peer.frame()
            assert (frame["id"], *(frame.keys() - {"id"})) == seen
            peer.send(text.ljust(DEFAULT_LIMITS.stranger))
            assert (await peer.frame())["id"] == 1


async def test_a_large_message_of_who_cannot_be_known_now_is_refused_with_the_reason() -> None:
    async def explode(credentials: Credentials) -> Principal | None:
        raise StoreUnavailable("try again")

    async with connected(guarded(explode)) as peer:
        await peer.message()
        peer.send(" " * (DEFAULT_LIMITS.stranger + 1))
        frame = await peer.frame()
    assert frame["id"] is None
    assert frame["error"]["json"]["message"] == "try again"


async def test_a_large_message_that_is_malformed_runs_nothing() -> None:
    async with connected(build_app(FakeService(), keep_alive=None)) as peer:
        await peer.message()
        create = {"id": 1, "method": "mutation", "params": CREATE}
        broken = {**create, "id": 2, "params": {"path": "create", "input": None}}
        for size in (DEFAULT_LIMITS.stranger, LARGE):
            peer.send(json.dumps([create, broken]).ljust(size + 1))
            frame = await peer.frame()
            assert frame["id"] is None
            assert frame["error"]["json"]["data"]["code"] == "PARSE_ERROR"
        assert peer.outgoing.empty()
