"""The stream of a whole tree, and how a client that lost it goes on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from starlette.types import ASGIApp

from chaingraph import superjson
from chaingraph.api.app import build_app
from chaingraph.api.batches import spaced
from chaingraph.execution.principals import LOCAL
from chaingraph.execution.tree_follow import TreeBatch, TreeEvent
from tests.api.fake_service import FakeService
from tests.api.peers import Peer, connected
from tests.api.test_events import event

TREE = "subscribeToTreeEvents"


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def app(service: FakeService) -> ASGIApp:
    return build_app(service, keep_alive=None)


@pytest.fixture
async def ended(service: FakeService) -> str:
    execution_id = await service.create(LOCAL, "quick")
    await service.start(LOCAL, execution_id)
    return execution_id


async def streamed(app: ASGIApp, headers: dict[str, str], **given: Any) -> list[dict[str, str]]:
    """The fields of the server-sent events."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        url = f"/trpc/{TREE}?input={quote(json.dumps({'json': given}))}"
        text = (await client.get(url, headers=headers)).text
    blocks = text.strip().split("\n\n")
    return [dict(line.split(": ", 1) for line in b.splitlines() if ": " in line) for b in blocks]


def types(data: str) -> list[str]:
    return [each["event"]["type"] for each in superjson.loads(data)["events"]]


async def test_an_event_source_gets_cursors_as_ids_and_goes_on_after_them(
    app: ASGIApp, ended: str
) -> None:
    _, batch, last = await streamed(app, {}, executionId=ended)
    content = superjson.loads(batch["data"])
    assert content["cursor"] == batch["id"] == "at-6"
    assert {each["executionId"] for each in content["events"]} == {ended}
    assert types(batch["data"])[-1] == "flow:completed"
    assert last["event"] == "return"

    _, rest, _ = await streamed(app, {"last-event-id": "at-4"}, executionId=ended, cursor="at-1")
    assert types(rest["data"]) == ["node:completed", "flow:completed"]


async def test_a_stream_begins_at_the_cursor_it_is_given(app: ASGIApp, ended: str) -> None:
    _, rest, _ = await streamed(app, {}, executionId=ended, cursor="at-5")
    assert types(rest["data"]) == ["flow:completed"]


async def test_types_can_be_chosen(app: ASGIApp, ended: str) -> None:
    chosen = ["node:started", "node:completed"]
    _, batch, _ = await streamed(app, {}, executionId=ended, eventTypes=chosen)
    assert types(batch["data"]) == chosen


async def subscribed(peer: Peer, execution_id: str) -> Any:
    await peer.message()
    peer.call(1, "subscription", TREE, executionId=execution_id)
    assert (await peer.frame())["result"] == {"type": "started"}
    return (await peer.frame())["result"]


async def test_over_a_websocket_a_batch_is_tracked_as_trpc_does_it(
    app: ASGIApp, ended: str
) -> None:
    async with connected(app) as peer:
        result = await subscribed(peer, ended)
        assert result["id"] == result["data"]["json"]["id"] == "at-6"
        assert result["data"]["json"]["data"]["cursor"] == "at-6"
        assert (await peer.frame())["result"] == {"type": "stopped"}


async def test_the_original_dialect_wraps_the_events_of_a_tree_too(
    app: ASGIApp, ended: str
) -> None:
    async with connected(app, "/") as peer:
        data = (await subscribed(peer, ended))["data"]
    kinds = data["meta"]["values"]
    assert kinds["data.events.0.event"] == [["custom", "ExecutionEventImpl"]]
    sent = [each["event"]["type"] for each in data["json"]["data"]["events"]]
    assert "node:stream-chunk" not in sent


async def test_another_ones_tree_is_refused_before_the_stream_begins(app: ASGIApp) -> None:
    _, refused = await streamed(app, {}, executionId="EXnobody")
    assert refused["event"] == "serialized-error"
    assert json.loads(refused["data"])["json"]["data"]["code"] == "NOT_FOUND"


async def test_a_batch_of_a_tree_is_never_cut() -> None:
    async def batches() -> AsyncIterator[TreeBatch]:
        yield TreeBatch("c", tuple(TreeEvent("EX", event(at)) for at in range(5)))

    assert [len(each.events) async for each in spaced(batches(), 2, 3600)] == [5]
