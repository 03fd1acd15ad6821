"""What an orchestrator asks: does the process live, and can it serve?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from chaingraph import metrics, superjson
from chaingraph.errors import StoreUnavailable

Ready: TypeAlias = Callable[[], Awaitable[None]]
"""Raises StoreUnavailable while this process cannot serve."""


async def always_ready() -> None:
    """For a process that needs nobody else."""


def build_health_app(ready: Ready) -> ASGIApp:
    """The whole web side of a worker."""
    return Router(health_routes(ready), redirect_slashes=False)


def health_routes(ready: Ready) -> list[Route]:
    """`/health` and `/healthz` say that the process lives, `/ready` that it can serve;
    `/metrics` is for Prometheus."""
    started = time.monotonic()

    async def health(request: Request) -> JSONResponse:
        return _answer("healthy", started)

    async def readiness(request: Request) -> JSONResponse:
        try:
            await ready()
        except StoreUnavailable:
            return _answer("unavailable", started, status_code=503)
        return _answer("healthy", started)

    async def scrape(request: Request) -> Response:
        body, kind = await asyncio.to_thread(metrics.render)
        return Response(body, headers={"content-type": kind})

    return [
        Route("/metrics", scrape, methods=["GET"]),
        Route("/health", health, methods=["GET"]),
        Route("/healthz", health, methods=["GET"]),
        Route("/ready", readiness, methods=["GET"]),
    ]


def _answer(status: str, started: float, status_code: int = 200) -> JSONResponse:
    now = superjson.encode(datetime.now(UTC))["json"]
    uptime = int(time.monotonic() - started)
    members = {"status": status, "timestamp": now, "uptime": uptime}
    return JSONResponse(members, status_code=status_code)
