"""Which web pages may talk to this server. Programs that are no browser send no origin."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_PREFLIGHT: Final = {
    "access-control-allow-methods": "GET, POST, PUT, DELETE, OPTIONS",
    "access-control-allow-headers": (
        "content-type, authorization, trpc-accept, last-event-id, idempotency-key"
    ),
    "access-control-max-age": "600",
}
#: A browser sends some of these for any page, and hides only the answer from it.
_CHANGING: Final = frozenset({"POST", "PUT", "DELETE"})


class Origins:
    """Pages of this host, of the own machine, and those named; `*` means any."""

    def __init__(self, named: Iterable[str] = ()) -> None:
        self._named = frozenset(named)

    def allow(self, origin: str, host: str) -> bool:
        if "*" in self._named or origin in self._named:
            return True
        page = urlsplit(origin)
        return page.netloc == host or page.hostname in _LOOPBACK


class OriginGuard:
    """Answers preflights, marks answers for pages that may read them, and turns away the sockets
    and changes of pages that may not: a browser would let anybody have those."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = _origin(scope)
        if origin is None:
            await self._app(scope, receive, send)
        elif not self._origins.allow(origin, Headers(scope=scope).get("host", "")):
            await self._without_marks(scope, receive, send)
        elif scope["type"] == "http" and scope["method"] == "OPTIONS":
            await Response(status_code=204, headers=_marks(origin) | _PREFLIGHT)(
                scope, receive, send
            )
        else:
            await self._app(scope, receive, _marking(send, origin))

    async def _without_marks(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http" and scope["method"] in _CHANGING:
            await Response("This page may not call", status_code=403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _origin(scope: Scope) -> str | None:
    if scope["type"] not in ("http", "websocket"):
        return None
    return Headers(scope=scope).get("origin")


def _marks(origin: str) -> dict[str, Any]:
    return {"access-control-allow-origin": origin, "vary": "origin"}


def _marking(send: Send, origin: str) -> Send:
    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["access-control-allow-origin"] = origin
            headers.add_vary_header("origin")
        await send(message)

    return marked
