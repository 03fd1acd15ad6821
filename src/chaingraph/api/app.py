"""The front door: one ASGI application with all routes."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, Router, WebSocketRoute
from starlette.types import ASGIApp

from chaingraph import superjson
from chaingraph.api.auth import Authenticate, everyone_is_local
from chaingraph.api.dialects import ORIGINAL, PLAIN
from chaingraph.api.failures import describe
from chaingraph.api.http import TrpcHttp
from chaingraph.api.origins import OriginGuard, Origins
from chaingraph.api.procedures import Service, router
from chaingraph.api.websocket import KeepAlive, TrpcWebSocket
from chaingraph.trpc.transformer import Transformer
from chaingraph.trpc.wire import Wire

DEFAULT_KEEP_ALIVE = KeepAlive()
SUPERJSON = Transformer(superjson.encode, superjson.decode, superjson.UNDEFINED)


def build_app(
    service: Service,
    *,
    authenticate: Authenticate = everyone_is_local,
    origins: Collection[str] = (),
    keep_alive: KeepAlive | None = DEFAULT_KEEP_ALIVE,
    sse_ping_after: float | None = 15.0,
    max_batch: int | None = 100,
    max_body: int = 16 * 1024 * 1024,
    close_delay: float = 1.0,
) -> ASGIApp:
    """The executor's application.

    A WebSocket at `/` speaks the original dialect; `/trpc` speaks the plain one over WebSocket,
    HTTP, JSON lines and server-sent events. `origins` are web pages on other hosts that may call.
    """

    original = Wire(router(service, ORIGINAL), SUPERJSON, describe)
    plain = Wire(router(service, PLAIN), SUPERJSON, describe)
    original_socket = TrpcWebSocket(original, authenticate, keep_alive, close_delay)
    plain_socket = TrpcWebSocket(plain, authenticate, keep_alive, close_delay)
    plain_http = TrpcHttp(plain, authenticate, max_batch, max_body, sse_ping_after)
    health = _health(started=time.monotonic())
    routes = [
        *(Route(path, health, methods=["GET"]) for path in ("/health", "/healthz", "/ready")),
        WebSocketRoute("/", original_socket),
        *(WebSocketRoute(path, plain_socket) for path in ("/trpc", "/trpc/{path:path}")),
        *(Route(path, plain_http) for path in ("/trpc", "/trpc/{path:path}")),
    ]
    return OriginGuard(Router(routes, redirect_slashes=False), Origins(origins))


def _health(started: float) -> Callable[[Request], Awaitable[JSONResponse]]:
    async def health(request: Request) -> JSONResponse:
        now = superjson.encode(datetime.now(UTC))["json"]
        uptime = int(time.monotonic() - started)
        return JSONResponse({"status": "healthy", "timestamp": now, "uptime": uptime})

    return health
