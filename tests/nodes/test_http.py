from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from chaingraph.engine.authoring import NodeError, node_type_of
from chaingraph.nodes.http import HttpRequestNode, join_url, parse_headers, with_retries
from tests.nodes.contexts import run_body


@dataclass
class Server:
    """Answers every request with `answer` and keeps what was asked."""

    status: str = "200 OK"
    content_type: str = "text/plain; charset=utf-8"
    answer: bytes = b"hello"
    silent: bool = False
    port: int = 0
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._keep_request(reader)
            if self.silent:
                await reader.read()
                self.hung_up.set()
            else:
                writer.write(self._response())
                await writer.drain()
        finally:
            writer.close()

    async def _keep_request(self, reader: asyncio.StreamReader) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.rstrip().split("\r\n")
        headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.requests.append((first, headers, body))
        self.asked.set()

    def _response(self) -> bytes:
        head = (
            f"HTTP/1.1 {self.status}\r\nContent-Type: {self.content_type}\r\n"
            f"Content-Length: {len(self.answer)}\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + self.answer


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    served = Server()
    listening = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield served


async def request(server: Server, **values: Any) -> dict[str, Any]:
    inputs = {"baseUri": server.url, "path": "/x"} | values
    return await run_body(node_type_of(HttpRequestNode), inputs)


async def test_a_request_carries_the_idempotency_key(server: Server) -> None:
    assert await request(server, path="/users?q=1") == {"statusCode": 200, "response": "hello"}
    first, headers, _ = server.requests[0]
    assert first == "GET /users?q=1 HTTP/1.1"
    assert headers["idempotency-key"] == "EXtest/node"


async def test_the_author_of_a_flow_may_set_the_key(server: Server) -> None:
    await request(server, headers="idempotency-key: mine\n\nAccept: text/csv")
    _, headers, _ = server.requests[0]
    assert headers["idempotency-key"] == "mine"
    assert headers["accept"] == "text/csv"


async def test_a_body_is_sent_as_it_is(server: Server) -> None:
    await request(server, method="POST", body='{"é": 1}', headers="Content-Type: application/json")
    first, _, body = server.requests[0]
    assert first == "POST /x HTTP/1.1"
    assert json.loads(body) == {"é": 1}


async def test_get_has_no_body(server: Server) -> None:
    await request(server, method="GET", body="left over")
    assert server.requests[0][2] == b""


async def test_every_status_is_an_answer(server: Server) -> None:
    server.status = "503 Service Unavailable"
    assert (await request(server, retries=3))["statusCode"] == 503
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("response_type", "answer", "response"),
    [
        ("json", b'{ "b": [1, 2.5], "a": "\xc3\xa9" }', '{"b":[1,2.5],"a":"é"}'),
        ("blob", b"\x00\xff", "AP8="),
        ("html-to-markdown", b"<h1>Title</h1><p>a <b>b</b></p>", "# Title\n\na **b**"),
    ],
)
async def test_a_response_is_read_as_asked(
    server: Server, response_type: str, answer: bytes, response: str
) -> None:
    server.answer = answer
    assert (await request(server, responseType=response_type))["response"] == response


async def test_text_that_is_no_json_is_an_error(server: Server) -> None:
    with pytest.raises(NodeError, match="The response is not JSON"):
        await request(server, responseType="json")


async def test_a_request_fails_when_its_time_is_over(server: Server) -> None:
    server.silent = True
    with pytest.raises(NodeError, match="Request timed out after 50 ms"):
        await request(server, timeout=50, retries=5)
    assert len(server.requests) == 1


async def test_a_cancelled_request_hangs_up(server: Server) -> None:
    server.silent = True
    running = asyncio.ensure_future(request(server))
    await server.asked.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await server.hung_up.wait()


def failing(times: int, error: Exception) -> Callable[[], Awaitable[httpx.Response]]:
    left = times

    async def send() -> httpx.Response:
        nonlocal left
        left -= 1
        if left >= 0:
            raise error
        return httpx.Response(200)

    return send


async def test_network_errors_are_tried_again_after_growing_pauses() -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    answer = await with_retries(failing(3, httpx.ConnectError("refused")), 3, pause)
    assert answer.status_code == 200
    assert pauses == [1, 2, 4]
    with pytest.raises(httpx.ReadError):
        await with_retries(failing(3, httpx.ReadError("reset")), 2, pause)
    assert pauses == [1, 2, 4, 1, 2]


async def test_other_errors_are_not_tried_again() -> None:
    with pytest.raises(httpx.UnsupportedProtocol):
        await with_retries(failing(1, httpx.UnsupportedProtocol("ftp")), 3)


async def test_nobody_listening_is_a_network_error() -> None:
    values = {"baseUri": "http://127.0.0.1:1", "path": "/"}
    with pytest.raises(httpx.ConnectError):
        await run_body(node_type_of(HttpRequestNode), values)


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("http://h", "/a", "http://h/a"),
        ("http://h/api/", "/a", "http://h/api/a"),
        ("http://h/api", "a/b/", "http://h/api/a/b/"),
        ("http://h/api", "?q=1", "http://h/api?q=1"),
    ],
)
def test_base_and_path_meet_in_one_slash(base: str, path: str, url: str) -> None:
    assert join_url(base, path) == url


@pytest.mark.parametrize(
    ("base", "path", "sentence"),
    [("", "/", "Base URI is required"), ("http://h", "", "Path is required")],
)
def test_base_and_path_are_needed(base: str, path: str, sentence: str) -> None:
    with pytest.raises(NodeError, match=sentence):
        join_url(base, path)


def test_a_header_has_a_name_and_a_colon() -> None:
    assert parse_headers("A: b:c\n  D:e  ") == {"A": "b:c", "D": "e"}
    with pytest.raises(NodeError, match="Not a header: 'no colon'"):
        parse_headers("no colon")
