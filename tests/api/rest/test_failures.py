"""Refusals over REST: one shape, and the status of the code."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.types import Message

from chaingraph.api.app import build_app
from chaingraph.api.identity.credentials import Credentials, everyone_is_local
from chaingraph.api.identity.rates import Rate
from chaingraph.api.identity.visitor import Gate
from chaingraph.api.rest.failures import Failure
from chaingraph.api.uploads import LARGE
from chaingraph.errors import StoreUnavailable
from chaingraph.execution.principals import Principal
from chaingraph.modes import House
from tests.api.fake_service import FakeService
from tests.api.rest.conftest import client_of

JSON = {"content-type": "application/json"}


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and code; the whole has the documented shape."""
    assert answer.headers["content-type"] == "application/json"
    failure = Failure.model_validate(answer.json(), extra="forbid")
    assert failure.error.message
    return answer.status_code, failure.error.code


async def test_parameters_of_the_wrong_shape_are_400_and_each_is_named(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/executions?limit=0&after=yesterday")
    assert refusal(answer) == (400, "BAD_REQUEST")
    places = [each.partition(":")[0] for each in answer.json()["error"]["problems"]]
    assert places == ["query.limit", "query.after"]


async def test_members_of_the_wrong_shape_are_400_and_each_is_named(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post("/executions", json={"options": {"debug": "yes"}, "events": None})
    assert refusal(answer) == (400, "BAD_REQUEST")
    places = {each.partition(":")[0] for each in answer.json()["error"]["problems"]}
    assert places == {"flowId", "options.debug", "events"}


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", JSON, 400, "PARSE_ERROR"),
        (b"\xff", JSON, 400, "PARSE_ERROR"),
        (b'{"a": NaN}', JSON, 400, "PARSE_ERROR"),
        (b"[" * 100_000, JSON, 413, "PAYLOAD_TOO_LARGE"),
        (b"[" * 9_000, JSON, 400, "PARSE_ERROR"),
        (b'{"a": ' + b"[" * 500 + b"]" * 500 + b"}", JSON, 400, "PARSE_ERROR"),
        (b'{"flowId": "\\ud800"}', JSON, 400, "PARSE_ERROR"),
        (b"[]", JSON, 400, "BAD_REQUEST"),
        (b'{"flowId": "sum"}', {"content-type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b'{"flowId": "sum"}', {}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b'{"flowId": "sum", "start": 1}', JSON, 400, "BAD_REQUEST"),
        (b"", {}, 400, "BAD_REQUEST"),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(
    client: httpx.AsyncClient, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await client.post("/executions", content=content, headers=headers)
    assert refusal(answer) == (status, code)


async def test_routing_refuses_in_the_same_shape(client: httpx.AsyncClient) -> None:
    assert refusal(await client.get("/nothing")) == (404, "NOT_FOUND")
    answer = await client.patch("/flows/sum")
    assert refusal(answer) == (405, "METHOD_NOT_SUPPORTED")
    assert answer.headers["allow"]


async def test_who_has_no_name_is_401(house: House) -> None:
    async with client_of(house, "") as nobody:
        for path in ("/flows", "/catalog", "/executions", "/executions/EX/events"):
            assert refusal(await nobody.get(path)) == (401, "UNAUTHORIZED")


WRITING = (
    ("POST", "/flows"),
    ("PUT", "/flows/sum"),
    ("POST", "/executions"),
    ("POST", "/executions/EX/stop"),
    ("POST", "/executions/EX/fork"),
    ("POST", "/executions/EX/shares"),
)


@pytest.mark.parametrize(("method", "path"), WRITING)
async def test_the_body_of_who_has_no_name_is_not_taken(
    house: House, method: str, path: str
) -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("it was")
        yield b""

    async with client_of(house, "") as nobody:
        answer = await nobody.request(method, path, content=body())
    assert refusal(answer) == (401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_who_has_no_name_may_not_send_bodies_too_often() -> None:
    async def nobody(credentials: Credentials) -> Principal | None:
        return None

    transport = httpx.ASGITransport(build_app(FakeService(), gate=Gate(nobody, Rate("2/hour"))))
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        answers = [await client.post("/flows", json={}) for _ in range(3)]
    assert [each.status_code for each in answers] == [401, 401, 429]


async def test_it_is_asked_once_who_sends_a_body() -> None:
    asked = []

    async def authenticate(credentials: Credentials) -> Principal | None:
        asked.append(credentials.token)
        return await everyone_is_local(credentials)

    transport = httpx.ASGITransport(build_app(FakeService(), gate=Gate(authenticate)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        answer = await client.post("/executions", json={"flowId": "quick", "start": True})
    assert answer.status_code == 201
    assert len(asked) == 1


async def test_whoever_cannot_be_known_now_is_told_before_the_body_is_taken() -> None:
    async def explode(credentials: Credentials) -> Principal | None:
        raise StoreUnavailable("The database is not reachable")

    transport = httpx.ASGITransport(build_app(FakeService(), gate=Gate(explode)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        answer = await client.post("/executions", content=b"{")
    assert refusal(answer) == (503, "SERVICE_UNAVAILABLE")


async def test_a_large_body_is_read_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []

    def loads(content: bytes) -> Any:
        threads.append(threading.get_ident())
        return json.loads(content)

    monkeypatch.setattr("chaingraph.api.rest.door.orjson", SimpleNamespace(loads=loads))
    transport = httpx.ASGITransport(build_app(FakeService()))
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        for size in (LARGE, LARGE + 1):
            content = b'{"flowId": "quick"}'.ljust(size)
            answer = await client.post("/executions", content=content, headers=JSON)
            assert answer.status_code == 201
    assert [each == threading.get_ident() for each in threads] == [True, False]


class Away(FakeService):
    async def details(self, *args: Any, **named: Any) -> Any:
        raise StoreUnavailable("The database is not reachable")

    async def roots(self, *args: Any, **named: Any) -> Any:
        await asyncio.Event().wait()

    async def catalog(self) -> Any:
        raise RuntimeError("secret")


async def test_a_database_that_is_away_is_503_after_a_bounded_time() -> None:
    transport = httpx.ASGITransport(build_app(Away(), patience=0.05))
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        assert refusal(await client.get("/executions/EX1")) == (503, "SERVICE_UNAVAILABLE")
        assert refusal(await client.get("/executions")) == (503, "SERVICE_UNAVAILABLE")


async def test_what_breaks_inside_is_not_told() -> None:
    transport = httpx.ASGITransport(build_app(Away()))
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        answer = await client.get("/catalog")
    assert refusal(answer) == (500, "INTERNAL_SERVER_ERROR")
    assert "secret" not in answer.text


async def test_pages_of_other_hosts_change_nothing(client: httpx.AsyncClient) -> None:
    asked = {"origin": "https://evil.example"}
    for path in ("/flows", "/executions/EX1/stop"):
        answer = await client.post(path, headers=asked)
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
    own = await client.post("/flows", headers={"origin": "http://test"}, json={})
    assert own.status_code == 400


async def test_pages_that_may_call_may_send_keys(client: httpx.AsyncClient) -> None:
    asked = {"origin": "http://localhost:3000", "access-control-request-method": "PUT"}
    preflight = await client.options("/flows/sum", headers=asked)
    assert preflight.status_code == 204
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    assert "idempotency-key" in preflight.headers["access-control-allow-headers"]


async def test_a_client_that_goes_while_it_sends_is_no_error_of_ours(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    gone: Message = {"type": "http.disconnect"}
    incoming = iter([{"type": "http.request", "body": b"{", "more_body": True}, gone])
    sent: list[Message] = []

    async def receive() -> Message:
        return next(incoming)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/api/v1/flows", "query_string": b""}
    await build_app(house.service)({**scope, "headers": [], "root_path": ""}, receive, send)
    assert sent[0]["status"] == 499
    assert caplog.records == []


async def test_who_calls_too_often_is_told_when_to_come_back() -> None:
    app = build_app(FakeService(), gate=Gate(everyone_is_local, Rate("2/hour")))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        assert [(await client.get("/flows")).status_code for _ in range(2)] == [200, 200]
        answer = await client.get("/flows")
    assert refusal(answer) == (429, "TOO_MANY_REQUESTS")
    assert 0 < int(answer.headers["retry-after"]) <= 3600
