"""tRPC over HTTP, driven through the application."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from starlette.types import ASGIApp, Message

from chaingraph.api.app import SUPERJSON, build_app
from chaingraph.api.identity.credentials import Authenticate, Credentials, everyone_is_local
from chaingraph.api.identity.visitor import Gate
from chaingraph.api.uploads import LARGE
from chaingraph.errors import StoreUnavailable
from chaingraph.execution.principals import Principal
from chaingraph.trpc.limits import DEFAULT_LIMITS, Limits
from tests.api.fake_service import FakeService

STRANGER = DEFAULT_LIMITS.stranger


def build(service: FakeService) -> ASGIApp:
    return build_app(
        service, origins=["https://app.example"], limits=Limits(body=1000), sse_ping_after=0.01
    )


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
async def client(service: FakeService) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(build(service), raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def url(path: str, **given: Any) -> str:
    return f"/trpc/{path}?input={quote(json.dumps({'json': given}))}"


def batch_url(path: str, **given: Any) -> str:
    return f"/trpc/{path}?batch=1&input={quote(json.dumps(given))}"


async def create(client: httpx.AsyncClient) -> str:
    answer = await client.post("/trpc/create", json={"json": {"flowId": "quick"}})
    execution_id: str = answer.json()["result"]["data"]["json"]["executionId"]
    return execution_id


async def test_a_query_answers_with_annotated_dates(client: httpx.AsyncClient) -> None:
    execution_id = await create(client)
    answer = await client.get(url("getExecutionDetails", executionId=execution_id))
    data = answer.json()["result"]["data"]
    assert answer.status_code == 200
    assert len(data["json"]) == 22
    assert data["json"]["status"] == "created"
    assert data["meta"] == {"values": {"createdAt": ["Date"], "updatedAt": ["Date"]}, "v": 1}


async def test_a_missing_id_is_the_callers_mistake(client: httpx.AsyncClient) -> None:
    answer = await client.post("/trpc/pause", json={"json": {"reason": "x"}})
    assert answer.status_code == 400
    assert "executionId" in answer.text


async def test_a_batch_answers_in_order_with_one_status_for_all(client: httpx.AsyncClient) -> None:
    execution_id = await create(client)
    known, unknown = {"json": {"executionId": execution_id}}, {"json": {"executionId": "nope"}}
    path = "getExecutionDetails,getExecutionsTree"
    answer = await client.get(batch_url(path, **{"0": known, "1": unknown}))
    assert answer.status_code == 207
    assert answer.json()[0]["result"]["data"]["json"]["id"] == execution_id
    assert answer.json()[1]["error"]["json"]["data"]["code"] == "NOT_FOUND"


async def test_json_lines_come_with_a_head(client: httpx.AsyncClient) -> None:
    given = {"0": {"json": {"flowId": "quick"}}, "1": {"json": {"flowId": "nope"}}}
    answer = await client.get(
        batch_url("getRootExecutions,getRootExecutions", **given),
        headers={"trpc-accept": "application/jsonl"},
    )
    head, *lines = map(json.loads, answer.text.splitlines())
    assert set(head["json"]) == {"0", "1"}
    contents = {line["json"][0]: line["json"][2][0][0] for line in lines}
    assert contents[0] == {"result": {"data": []}}
    assert contents[1]["error"]["data"]["code"] == "NOT_FOUND"


async def test_an_event_stream_ends_with_return(client: httpx.AsyncClient) -> None:
    execution_id = await create(client)
    await client.post("/trpc/start", json={"json": {"executionId": execution_id}})
    answer = await client.get(url("subscribeToExecutionEvents", executionId=execution_id))
    blocks = answer.text.strip().split("\n\n")
    assert answer.headers["content-type"] == "text/event-stream"
    assert blocks[0] == 'event: connected\ndata: {"reconnectAfterInactivityMs":30}'
    assert blocks[-1] == "event: return\ndata:"
    events = [event for block in blocks[1:-1] for event in json.loads(block[6:])["json"]]
    assert events[-1]["type"] == "flow:completed"


async def test_a_refused_event_stream_is_an_event_too(client: httpx.AsyncClient) -> None:
    for given, code in (({"executionId": "nope"}, "NOT_FOUND"), ({}, "BAD_REQUEST")):
        answer = await client.get(url("subscribeToExecutionEvents", **given))
        assert answer.status_code == 200
        event = answer.text.strip().split("\n\n")[-1]
        assert event.startswith("event: serialized-error\ndata: ")
        assert json.loads(event.partition("data: ")[2])["json"]["data"]["code"] == code


async def test_a_silent_stream_is_pinged_and_ends_with_its_client(service: FakeService) -> None:
    execution_id = await service.create(Principal("local"), "endless")
    sent: asyncio.Queue[Message] = asyncio.Queue()
    received: asyncio.Queue[Message] = asyncio.Queue()
    received.put_nowait({"type": "http.request", "body": b"", "more_body": False})
    path, _, query = url("subscribeToExecutionEvents", executionId=execution_id).partition("?")
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": path, "headers": []}
    scope["query_string"] = query.encode()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run(build(service), scope, received, sent))
        while (await sent.get()).get("body") != b"event: ping\ndata: \n\n":
            pass
        assert service.followers == 1
        received.put_nowait({"type": "http.disconnect"})
    assert service.followers == 0


async def run(
    app: ASGIApp,
    scope: dict[str, Any],
    received: asyncio.Queue[Message],
    sent: asyncio.Queue[Message],
) -> None:
    await app(scope, received.get, sent.put)


async def test_a_body_over_the_limit_is_refused_for_each_call(client: httpx.AsyncClient) -> None:
    answer = await client.post("/trpc/create", json={"json": {"flowId": "x" * 2000}})
    assert answer.status_code == 413
    assert answer.json()["error"]["json"]["data"]["path"] == "create"


async def test_a_request_that_cannot_be_read_is_refused_as_a_whole(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post("/trpc/create,start?batch=1", content=b"x")
    assert answer.status_code == 415
    assert "path" not in answer.json()["error"]["json"]["data"]


async def test_head_is_answered_without_content_and_slashes_are_part_of_the_name(
    client: httpx.AsyncClient,
) -> None:
    assert (await client.head("/trpc/create")).status_code == 204
    assert (await client.get("/trpc/getRootExecutions/")).status_code == 404
    assert (await client.get("/trpc")).status_code == 404


async def test_a_failing_authentication_is_told_to_the_call() -> None:
    async def explode(credentials: Credentials) -> Principal | None:
        raise StoreUnavailable("try again")

    transport = httpx.ASGITransport(build_app(FakeService(), gate=Gate(explode)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get(url("getRootExecutions", flowId="quick"))).status_code == 503


class Body:
    """Sends pieces of 1,000 bytes and knows how much was taken."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self.content), 1000):
            self.taken = min(at + 1000, len(self.content))
            yield self.content[at : at + 1000]


def padded(size: int, *, batch: bool = False) -> Body:
    given: Any = {"json": {"flowId": "quick"}}
    return Body(json.dumps({"0": given, "1": given} if batch else given).ljust(size).encode())


@asynccontextmanager
async def guarded(authenticate: Authenticate) -> AsyncIterator[httpx.AsyncClient]:
    app = build_app(FakeService(), gate=Gate(authenticate))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://test/trpc",
        headers={"content-type": "application/json"},
    ) as client:
        yield client


async def only_ann(credentials: Credentials) -> Principal | None:
    return Principal("local") if credentials.token == "ann" else None


async def test_of_a_strangers_body_no_more_is_taken_than_a_small_one() -> None:
    async with guarded(only_ann) as client:
        for size in (STRANGER, STRANGER + 1, 1_000_000):
            body = padded(size)
            answer = await client.post("/create", content=body)
            assert answer.status_code == 401
            assert answer.json()["error"]["json"]["data"]["path"] == "create"
            assert body.taken <= STRANGER + 1000


@pytest.mark.parametrize("size", [STRANGER, STRANGER + 1, LARGE + 1])
async def test_a_known_callers_body_may_be_large(size: int) -> None:
    ann = {"authorization": "Bearer ann"}
    async with guarded(only_ann) as client:
        body = padded(size, batch=True)
        answers = await client.post("/create,create?batch=1", content=body, headers=ann)
        assert body.taken == size
        assert [each["result"]["data"]["json"].keys() for each in answers.json()] == [
            {"executionId"},
            {"executionId"},
        ]


@pytest.mark.parametrize("size", [STRANGER + 1, LARGE + 1])
async def test_a_large_body_that_cannot_be_read_fails_each_call_by_itself(size: int) -> None:
    async with guarded(everyone_is_local) as client:
        content = json.dumps({"0": {"json": {"flowId": "quick"}}, "1": 5}).ljust(size).encode()
        answer = await client.post("/create,create?batch=1", content=content)
        assert answer.status_code == 207
        assert "result" in answer.json()[0]
        assert answer.json()[1]["error"]["json"]["data"]["code"] == "BAD_REQUEST"


async def test_whoever_cannot_be_known_now_is_told_so_in_each_call_with_a_large_body() -> None:
    asked = 0

    async def explode_once(credentials: Credentials) -> Principal | None:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise StoreUnavailable("try again")
        return Principal("local")

    async with guarded(explode_once) as client:
        body = padded(100_000, batch=True)
        answers = await client.post("/create,create?batch=1", content=body)
        assert answers.status_code == 503
        assert [each["error"]["json"]["message"] for each in answers.json()] == ["try again"] * 2


async def test_a_large_body_is_read_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []

    def decode(envelope: Any) -> Any:
        threads.append(threading.get_ident())
        return SUPERJSON.decode(envelope)

    monkeypatch.setattr("chaingraph.api.app.SUPERJSON", replace(SUPERJSON, decode=decode))
    async with guarded(everyone_is_local) as client:
        for size in (LARGE, LARGE + 1):
            assert (await client.post("/create", content=padded(size))).status_code == 200
    assert [each == threading.get_ident() for each in threads] == [True, False]


async def test_health_says_since_when(client: httpx.AsyncClient) -> None:
    for path in ("/health", "/healthz", "/ready"):
        content = (await client.get(path)).json()
        assert content["status"] == "healthy"
        assert content["timestamp"].endswith("Z")
        assert content["uptime"] >= 0


@pytest.mark.parametrize("origin", ["https://app.example", "http://localhost:3000", "http://test"])
async def test_pages_that_may_call_get_a_preflight_and_marked_answers(
    client: httpx.AsyncClient, origin: str
) -> None:
    asked = {"origin": origin, "access-control-request-method": "POST"}
    preflight = await client.options("/trpc/create", headers=asked)
    assert preflight.status_code == 204
    assert "content-type" in preflight.headers["access-control-allow-headers"]
    answer = await client.get(url("getRootExecutions", flowId="quick"), headers={"origin": origin})
    assert answer.headers["access-control-allow-origin"] == origin
    assert "origin" in answer.headers["vary"].lower()


async def test_other_pages_get_no_marks(client: httpx.AsyncClient) -> None:
    asked = {"origin": "https://evil.example"}
    assert (await client.options("/trpc/create", headers=asked)).status_code == 415
    answer = await client.get(url("getRootExecutions", flowId="quick"), headers=asked)
    assert "access-control-allow-origin" not in answer.headers
