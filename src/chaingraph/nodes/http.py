"""HTTP requests."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Literal

import httpx

from chaingraph.engine.authoring import Context, NodeError, node, output, port
from chaingraph.nodes.javascript import number_text

Method = Literal["GET", "POST", "PUT", "PATCH", "HEAD", "DELETE"]
ResponseType = Literal["json", "text", "blob", "html-to-markdown"]

_METHOD_TITLES = {each: each for each in ("GET", "POST", "PUT", "PATCH", "HEAD", "DELETE")}
_RESPONSE_TITLES = {
    "json": "JSON",
    "text": "Text",
    "blob": "Blob (base64)",
    "html-to-markdown": "HTML to Markdown",
}
_WITHOUT_BODY = ("GET", "HEAD")
_NETWORK_ERRORS = (httpx.NetworkError, httpx.RemoteProtocolError)
_LONGEST_PAUSE = 60.0


@node(category="utilities", title="HTTP Request", version=2)
class HttpRequestNode:
    """Sends a request and reads the whole response. Every status is an answer, also 500.

    Requests carry `Idempotency-Key`, the same over retries and crashes, unless `headers` set
    one. `json` gives compact JSON text, `blob` the bytes in base64. Only network errors are
    tried again, after 1, 2, 4, … seconds; a request that runs into the time-out fails.
    """

    baseUri: str = port("", title="Base URI", required=True)
    path: str = port("", title="Path", required=True)
    method: Method = port("GET", title="Method", required=True, titles=_METHOD_TITLES)
    headers: str = port("", title="Headers", description='One "Name: value" a line')
    body: str = port("", title="Body", ui={"hidden": True})
    responseType: ResponseType = port(
        "text", title="Response Type", required=True, titles=_RESPONSE_TITLES
    )
    timeout: float = port(30000, title="Timeout (ms)", required=True)
    retries: float = port(0, title="Retries")
    statusCode: float = output(0, title="Status Code")
    response: str = output("", title="Response")

    async def run(self, ctx: Context) -> None:
        request = self._request(ctx.idempotency_key)
        answer = await with_retries(lambda: self._send(request), int(self.retries or 0))
        self.statusCode = answer.status_code
        self.response = _READERS[self.responseType](answer)

    def _request(self, idempotency_key: str) -> httpx.Request:
        headers = httpx.Headers({"Idempotency-Key": idempotency_key})
        headers.update(parse_headers(self.headers or ""))
        content = None if self.method in _WITHOUT_BODY else self.body or None
        if content is not None and "content-type" not in headers:
            raise NodeError("Content-Type header is required for requests with body")
        url = join_url(self.baseUri, self.path)
        return httpx.Request(self.method, url, headers=headers, content=content)

    async def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            async with asyncio.timeout(self.timeout / 1000), _client() as client:
                return await client.send(request)
        except TimeoutError as error:
            raise NodeError(f"Request timed out after {number_text(self.timeout)} ms") from error


def _client() -> httpx.AsyncClient:
    # The node's own time-out covers connecting, sending and reading together.
    return httpx.AsyncClient(verify=_certificates(), timeout=None, follow_redirects=True)


@cache
def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context()


async def with_retries(
    send: Callable[[], Awaitable[httpx.Response]],
    retries: int,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> httpx.Response:
    """`send()`, and again up to `retries` times while the network fails."""
    for attempt in range(retries):
        try:
            return await send()
        except _NETWORK_ERRORS:
            await pause(min(2.0**attempt, _LONGEST_PAUSE))
    return await send()


def join_url(base: str, path: str) -> str:
    """`http://host/api/` and `/users` -> `http://host/api/users`."""
    if not base:
        raise NodeError("Base URI is required")
    if not path:
        raise NodeError("Path is required")
    if path.startswith(("?", "#")):
        return base + path
    return f"{base.rstrip('/')}/{path.lstrip('/')}"


def parse_headers(text: str) -> dict[str, str]:
    """One `Name: value` a line; empty lines do not matter."""
    headers = {}
    for line in filter(None, (each.strip() for each in text.splitlines())):
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise NodeError(f"Not a header: {line!r}; expected 'Name: value'")
        headers[name.strip()] = value.strip()
    return headers


def _compact_json(answer: httpx.Response) -> str:
    try:
        return json.dumps(answer.json(), ensure_ascii=False, separators=(",", ":"))
    except ValueError as error:
        raise NodeError(f"The response is not JSON: {error}") from error


def _markdown(answer: httpx.Response) -> str:
    from markdownify import markdownify  # slow to import, and seldom needed

    return str(markdownify(answer.text, heading_style="ATX")).strip()


_READERS: dict[str, Callable[[httpx.Response], str]] = {
    "json": _compact_json,
    "text": lambda answer: answer.text,
    "blob": lambda answer: base64.b64encode(answer.content).decode(),
    "html-to-markdown": _markdown,
}
