"""The server under test: the real service, the real application, a real port."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import uvicorn
from starlette.types import ASGIApp

from chaingraph.api.app import build_app
from chaingraph.api.batches import closing
from chaingraph.api.farewell import Farewell
from chaingraph.api.service import Service
from chaingraph.execution.principals import LOCAL
from chaingraph.flow.codec import parse_flow_text
from chaingraph.modes import House, open_house, open_memory_house
from chaingraph.nodes import builtin_catalog
from chaingraph.settings import Settings

T = TypeVar("T")
SUM = """
id: sum
metadata: {createdAt: "2026-01-01T00:00:00.000Z"}
nodes:
  product: {type: MathNode, inputs: {a: 6, b: 7, operation: multiply}}
  total: {type: MathNode, inputs: {b: 1, operation: add}}
edges: [product.result -> total.a]
"""
ASKING = """
id: asking
nodes:
  answer: {type: WaitForSignalNode, inputs: {name: approval}}
  after: {type: MathNode, inputs: {a: 1, b: 2, operation: add}}
"""


class Followed:
    """A service that knows how many follow an execution in it right now."""

    def __init__(self, service: Any) -> None:
        self._service = service
        self._changed = asyncio.Condition()
        self.followers = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._service, name)

    def follow(self, *given: Any, **named: Any) -> AsyncIterator[Any]:
        return self._counted(self._service.follow(*given, **named))

    def follow_tree(self, *given: Any, **named: Any) -> AsyncIterator[Any]:
        return self._counted(self._service.follow_tree(*given, **named))

    async def until_followed_by(self, count: int) -> None:
        """Return when there are so many. Raises TimeoutError."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: self.followers == count)

    async def _counted(self, pages: AsyncIterator[T]) -> AsyncIterator[T]:
        await self._count(1)
        try:
            async with closing(pages):
                async for page in pages:
                    yield page
        finally:
            await asyncio.shield(self._count(-1))

    async def _count(self, step: int) -> None:
        async with self._changed:
            self.followers += step
            self._changed.notify_all()


@dataclass(frozen=True)
class Server:
    """Where it is, and what is behind it."""

    address: str
    service: Followed
    house: House


@asynccontextmanager
async def open_server(
    data_dir: Path | None = None,
    *,
    behind: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    **options: Any,
) -> AsyncIterator[Server]:
    """A server that runs the flows, in memory or on SQLite; `options` are those of `build_app`."""
    catalog = builtin_catalog()
    opening = open_house(Settings(data_dir), catalog) if data_dir else open_memory_house(catalog)
    async with opening as house, house.working():
        for text in (SUM, ASKING):
            await house.service.import_flow(LOCAL, parse_flow_text(text, "a flow", catalog))
        service, farewell = Followed(house.service), Farewell()
        app = behind(build_app(cast(Service, service), farewell=farewell, **options))
        async with answering(app, farewell) as address:
            yield Server(address, service, house)


@asynccontextmanager
async def answering(app: ASGIApp, farewell: Farewell, port: int = 0) -> AsyncIterator[str]:
    """Its host and port. It ends as ours do: streams are told to come back and are closed."""
    listener = socket.create_server(("127.0.0.1", port))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(server.serve(sockets=[listener]))
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            for each in server.servers:
                each.close()
            listener.close()
            await farewell.say(within=1)
            server.should_exit = True
            await running
