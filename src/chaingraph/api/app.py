"""The front door: one ASGI application with all routes."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from starlette.responses import RedirectResponse
from starlette.routing import Mount, Route, Router, WebSocketRoute
from starlette.types import ASGIApp

from chaingraph import superjson
from chaingraph.api.dialects import ORIGINAL, PLAIN
from chaingraph.api.failures import describe
from chaingraph.api.farewell import Farewell
from chaingraph.api.headers import SecureHeaders
from chaingraph.api.health import Ready, always_ready, health_routes
from chaingraph.api.http import TrpcHttp
from chaingraph.api.identity.visitor import OPEN_GATE, Gate
from chaingraph.api.origins import OriginGuard, Origins
from chaingraph.api.patience import bounded, within
from chaingraph.api.procedures import router
from chaingraph.api.rest.app import PREFIX, build_rest
from chaingraph.api.rest.door import Door
from chaingraph.api.rest.procedures import rest_router
from chaingraph.api.service import Service
from chaingraph.api.websocket import KeepAlive, TrpcWebSocket
from chaingraph.trpc.limits import DEFAULT_LIMITS, Limits
from chaingraph.trpc.transformer import Transformer
from chaingraph.trpc.wire import Wire

DEFAULT_KEEP_ALIVE = KeepAlive()
SUPERJSON = Transformer(superjson.encode, superjson.decode, superjson.UNDEFINED)


def build_app(
    service: Service,
    *,
    gate: Gate = OPEN_GATE,
    origins: Collection[str] = (),
    only_here: bool = False,
    keep_alive: KeepAlive | None = DEFAULT_KEEP_ALIVE,
    sse_ping_after: float | None = 15.0,
    limits: Limits = DEFAULT_LIMITS,
    method_override: bool = False,
    close_delay: float = 1.0,
    patience: float = 4.0,
    ready: Ready = always_ready,
    farewell: Farewell | None = None,
) -> ASGIApp:
    """The executor's application.

    A WebSocket at `/` speaks the original dialect; `/trpc` speaks the plain one over WebSocket,
    HTTP, JSON lines and server-sent events; `/api/v1` is plain HTTP, with its pages at `/docs`.
    `gate` says who is let in, `origins` which web pages on other hosts may call, and `only_here`
    that only those on this machine may. With
    `method_override` tRPC queries may be POSTed. A call that the database does not answer
    within `patience` seconds is refused. `farewell` closes the streams when the server ends.
    """
    leave = farewell or Farewell()
    gate = replace(gate, authenticate=within(patience, gate.authenticate))
    original = Wire(bounded(router(service, ORIGINAL), patience), SUPERJSON, describe)
    plain = Wire(bounded(router(service, PLAIN), patience), SUPERJSON, describe, method_override)
    original_socket = TrpcWebSocket(original, gate, leave, keep_alive, close_delay, limits)
    plain_socket = TrpcWebSocket(plain, gate, leave, keep_alive, close_delay, limits)
    plain_http = TrpcHttp(plain, gate, leave, limits, sse_ping_after)
    procedures = bounded(rest_router(service), patience)
    rest = build_rest(Door(procedures, gate, leave, limits.body, sse_ping_after))
    mounted = Mount(PREFIX, rest)
    # An id may be any text, and a line break is a part of it like any other.
    mounted.path_regex = re.compile(mounted.path_regex.pattern, re.DOTALL)
    routes = [
        *health_routes(ready),
        Route("/docs", RedirectResponse(f"{PREFIX}/docs")),
        mounted,
        WebSocketRoute("/", original_socket),
        *(WebSocketRoute(path, plain_socket) for path in ("/trpc", "/trpc/{path:path}")),
        *(Route(path, plain_http) for path in ("/trpc", "/trpc/{path:path}")),
    ]
    guarded = OriginGuard(
        Router(routes, redirect_slashes=False), Origins(origins, only_here=only_here)
    )
    return SecureHeaders(guarded)
