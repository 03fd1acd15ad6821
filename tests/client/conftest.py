"""Servers for clients to call: in this process, or in one that can be killed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

import pytest
import uvicorn
from starlette.types import ASGIApp

from chaingraph.api.app import build_app
from chaingraph.api.farewell import Farewell
from chaingraph.api.identity.credentials import Authenticate, Credentials, everyone_is_local
from chaingraph.api.identity.visitor import Gate
from chaingraph.api.service import Service
from chaingraph.client import AsyncClient, Event
from chaingraph.engine.authoring import NodeError, node
from chaingraph.execution.principals import LOCAL, Principal
from chaingraph.flow.codec import parse_flow_text
from chaingraph.modes import House, open_memory_house
from chaingraph.nodes import builtin_catalog

FLOWS = (
    """
        id: sum
        nodes:
          product: {type: MathNode, inputs: {a: 6, b: 7, operation: multiply}}
          total: {type: MathNode, inputs: {b: 1, operation: add}}
        edges: [product.result -> total.a]
        """,
    """
        id: broken
        nodes:
          good: {type: MathNode, inputs: {a: 6, b: 7, operation: multiply}}
          bad: {type: BreakNode}
          never: {type: TextNode}
        edges: [bad.result -> never.text]
        """,
    """
        id: asking
        nodes:
          before: {type: MathNode, inputs: {a: 6, b: 7, operation: multiply}}
          answer: {type: WaitForSignalNode, inputs: {name: approval}}
          after: {type: TextNode, inputs: {text: done}}
        """,
    """
        id: parent
        nodes:
          child: {type: RunFlowNode, inputs: {flowId: sum}}
        """,
    """
        id: asker
        nodes:
          child: {type: RunFlowNode, inputs: {flowId: asking}}
        """,
)


@node()
def break_node() -> str:
    raise NodeError("it is broken")


async def by_token(credentials: Credentials) -> Principal | None:
    """`admin` is who the flows belong to; any other token is the name of a user."""
    match credentials.token:
        case "admin":
            return LOCAL
        case None:
            return None
        case name:
            return Principal(name)


@asynccontextmanager
async def serving(
    service: Service,
    *,
    port: int = 0,
    authenticate: Authenticate = everyone_is_local,
    behind: Callable[[ASGIApp], ASGIApp] = lambda app: app,
) -> AsyncIterator[str]:
    """A server of this on a real port, which ends as ours do; yields its address."""
    listener, farewell = socket.create_server(("127.0.0.1", port)), Farewell()
    app = behind(build_app(service, gate=Gate(authenticate), farewell=farewell))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            for each in server.servers:
                each.close()
            await farewell.say(within=1)
            server.should_exit = True
            await running


async def first_of(client: AsyncClient, execution_id: str, type_: str) -> Event:
    """The first event of this type, when it is there."""
    async with aclosing(client.follow(execution_id, types=[type_])) as events:
        return await anext(events)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """An executor in memory that works, with the flows."""
    catalog = builtin_catalog()
    catalog.add(break_node)
    async with open_memory_house(catalog) as house, house.working():
        for text in FLOWS:
            await house.service.import_flow(LOCAL, parse_flow_text(text, "a flow", catalog))
        yield house


@pytest.fixture
async def url(house: House) -> AsyncIterator[str]:
    """Its address."""
    async with serving(house.service, authenticate=by_token) as address:
        yield address


@pytest.fixture
async def client(url: str) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(url, "admin", timeout=5) as client:
        yield client
