"""Who loses the right to look while looking is cut off, on every door."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from starlette.types import ASGIApp, Message, Scope

from chaingraph.api.app import build_app
from chaingraph.api.identity.tokens import REMEMBER_SECONDS, TokenAuthentication
from chaingraph.api.identity.visitor import RECHECK_SECONDS, Gate
from chaingraph.execution.identity import Account, User, hash_of, new_token
from chaingraph.execution.principals import Principal
from chaingraph.modes import House, open_memory_house
from tests.api.matrix import document
from tests.api.peers import Peer, connected

ANN = Principal("ann")


@dataclass
class Watch:
    """A server, an execution of ann's that never starts, and a token that watches it."""

    house: House
    app: ASGIApp
    execution_id: str
    token_id: str
    token: str
    seconds: float = 0.0

    async def revoke(self) -> None:
        await self.house.tokens.revoke(self.token_id)
        self.seconds += REMEMBER_SECONDS + 1


@pytest.fixture
async def watch() -> AsyncIterator[Watch]:
    async with open_memory_house() as house:
        await house.service.store_flow(ANN, document("V2ann"))
        execution_id = await house.service.create(ANN, "V2ann")
        token, text = new_token("ann", created_at=house.clock())
        await house.tokens.add(token, hash_of(text))
        made = Watch(house, build_app(house.service), execution_id, token.id, text)
        known = TokenAuthentication(house.tokens, house.accounts, house.clock, lambda: made.seconds)
        made.app = build_app(house.service, gate=Gate(known, recheck=0.01))
        yield made


async def subscribed(peer: Peer, watch: Watch) -> None:
    """Ann has seen the first event of her execution."""
    assert (await peer.message())["type"] == "websocket.accept"
    peer.send({"method": "connectionParams", "data": {"sessionBadAI": watch.token}})
    peer.call(1, "subscription", "subscribeToExecutionEvents", executionId=watch.execution_id)
    await peer.until("data")


def test_half_a_minute_is_enough_for_both_memories() -> None:
    assert REMEMBER_SECONDS + 2 * RECHECK_SECONDS < 30


@pytest.mark.parametrize("path", ["/", "/trpc"])
async def test_a_revoked_token_ends_its_subscriptions_and_gets_no_more_calls(
    watch: Watch, path: str
) -> None:
    async with connected(watch.app, path, query="connectionParams=1") as peer:
        await subscribed(peer, watch)
        await watch.revoke()
        error = (await peer.frame())["error"]["json"]
        assert error["data"]["code"] == "UNAUTHORIZED"
        assert (await peer.frame())["result"]["type"] == "stopped"
        peer.call(2, "query", "getExecutionDetails", executionId=watch.execution_id)
        answer = await peer.frame()
        assert answer["error"]["json"]["data"]["code"] == "UNAUTHORIZED"


async def test_a_share_that_is_taken_back_ends_what_it_shows(watch: Watch) -> None:
    service = watch.house.service
    share, watch.token = await service.share(ANN, watch.execution_id)
    async with connected(watch.app, "/", query="connectionParams=1") as peer:
        await subscribed(peer, watch)
        await service.unshare(ANN, watch.execution_id, share.id)
        watch.seconds += REMEMBER_SECONDS + 1
        error = (await peer.frame())["error"]["json"]
        assert error["data"]["code"] == "UNAUTHORIZED"


async def test_an_account_that_is_no_longer_linked_ends_streams_it_opened(watch: Watch) -> None:
    accounts = watch.house.accounts
    await accounts.add_user(User("bob", "user"))
    await accounts.link(Account("bob", "archai", "ann"))
    token, watch.token = new_token("bob", created_at=watch.house.clock())
    await watch.house.tokens.add(token, hash_of(watch.token))
    async with connected(watch.app, "/", query="connectionParams=1") as peer:
        await subscribed(peer, watch)
        await accounts.unlink("archai", "ann")
        watch.seconds += REMEMBER_SECONDS + 1
        error = (await peer.frame())["error"]["json"]
        assert error["data"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    ("address", "ending"),
    [
        ("/trpc/subscribeToExecutionEvents?input={input}", "serialized-error"),
        ("/trpc/subscribeToTreeEvents?input={input}", "serialized-error"),
        ("/api/v1/executions/{id}/events", "problem"),
        ("/api/v1/executions/{id}/tree/events", "problem"),
    ],
    ids=["trpc", "trpc-tree", "rest", "rest-tree"],
)
async def test_event_streams_end_with_the_reason(watch: Watch, address: str, ending: str) -> None:
    given = quote(json.dumps({"json": {"executionId": watch.execution_id}}))
    url = address.format(id=watch.execution_id, input=given)
    async with downloading(watch.app, url, watch.token) as text:
        await text.until("execution:created")
        await watch.revoke()
        await text.until(f"event: {ending}\n")
        await text.until("UNAUTHORIZED")


class Text:
    """The body of an answer, as it comes."""

    def __init__(self) -> None:
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self._read = ""

    async def send(self, message: Message) -> None:
        self._chunks.put_nowait(message.get("body", b""))

    async def until(self, text: str) -> None:
        async with asyncio.timeout(10):
            while text not in self._read:
                self._read += (await self._chunks.get()).decode()


@asynccontextmanager
async def downloading(app: ASGIApp, url: str, token: str) -> AsyncIterator[Text]:
    """The answer to a request for an event stream; at the end the client is gone."""
    path, _, query = url.partition("?")
    headers = {"authorization": f"Bearer {token}", "accept": "text/event-stream"}
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    incoming: asyncio.Queue[Message] = asyncio.Queue()
    incoming.put_nowait({"type": "http.request", "body": b"", "more_body": False})
    text = Text()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_run(app, scope, incoming, text))
        yield text
        incoming.put_nowait({"type": "http.disconnect"})


async def _run(app: ASGIApp, scope: Scope, incoming: asyncio.Queue[Message], text: Text) -> None:
    await app(scope, incoming.get, text.send)
