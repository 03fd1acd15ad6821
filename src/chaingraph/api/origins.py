"""Which web pages may talk to this server, and under which names it may be called.

Programs that are no browser send no origin.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PREFLIGHT: Final = {
    "access-control-allow-methods": "GET, POST, PUT, DELETE, OPTIONS",
    "access-control-allow-headers": (
        "content-type, authorization, trpc-accept, last-event-id, idempotency-key"
    ),
    "access-control-max-age": "600",
}
#: A browser sends some of these for any page, and hides only the answer from it.
_CHANGING: Final = frozenset({"POST", "PUT", "DELETE"})
_NOT_HERE: Final = (
    "This server asks nobody who they are, and so it answers only to the names of this machine. "
    "Behind a proxy give it --auth."
)


class Origins:
    """Pages of this host, of the own machine, and those named; `*` means any.

    With `only_here` requests that call the server by another name than this machine's are refused:
    else any page could reach it, under a name of its own that it lets mean this machine.
    """

    def __init__(self, named: Iterable[str] = (), *, only_here: bool = False) -> None:
        self._named = frozenset(named)
        self._only_here = only_here

    def allow(self, origin: str, host: str) -> bool:
        if "*" in self._named or origin in self._named:
            return True
        name, _, place = origin.partition("://")
        return bool(name) and (place == host or is_here(place))

    def answers_to(self, host: str) -> bool:
        return not self._only_here or is_here(host)


def is_here(host: str) -> bool:
    """Whether a host, maybe with a port, is a name or an address of this machine alone."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


class OriginGuard:
    """Answers preflights, marks answers for pages that may read them, and turns away the sockets
    and changes of pages that may not: a browser would let anybody have those."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        origin, host = headers.get("origin"), headers.get("host", "")
        if not self._origins.answers_to(host):
            await _refuse(_NOT_HERE, scope, receive, send)
        elif origin is None:
            await self._app(scope, receive, send)
        elif not self._origins.allow(origin, host):
            await self._without_marks(scope, receive, send)
        elif scope["type"] == "http" and scope["method"] == "OPTIONS":
            await Response(status_code=204, headers=_marks(origin) | _PREFLIGHT)(
                scope, receive, send
            )
        else:
            await self._app(scope, receive, _marking(send, origin))

    async def _without_marks(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" or scope["method"] in _CHANGING:
            await _refuse("This page may not call", scope, receive, send)
        else:
            await self._app(scope, receive, send)


async def _refuse(why: str, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": why[:120]})
    else:
        await Response(why, status_code=403)(scope, receive, send)


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
