"""Values of every superjson type, sent by the npm package and received by it again."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from chaingraph.api.app import build_app
from chaingraph.api.farewell import Farewell
from chaingraph.execution.principals import LOCAL
from tests.api.fake_service import FakeService
from tests.wire.clients import Clients
from tests.wire.server import Server, answering

SAME = {
    "plain",
    "bigint",
    "Date",
    "number",
    "Set",
    "Map",
    "Error",
    "Uint8Array",
    "keys with dots and backslashes",
    "the same twice",
    "lone surrogate",
}
# Python has no counterpart for these, or the key of an undefined member is left out.
CHANGED = {
    "undefined": "nothing",
    "undefined inside": "{ b: [ 1, undefined ] }",
    "invalid Date": "null",
    "RegExp": r"'/a\\/b/gi'",
    "Map of text": "{ k: 2026-01-02T03:04:05.678Z }",
    "URL": "'https://x.y/z?q=1'",
    "Float64Array": "[ 1.5 ]",
}
REFUSED = {"Date far away", "Map by objects", "symbol", "class", "custom", "cycle"}


@pytest.fixture
async def keeping() -> AsyncIterator[str]:
    """Where a server is that gives back the values it got."""
    farewell = Farewell()
    async with answering(build_app(FakeService(), farewell=farewell), farewell) as address:
        yield address


@pytest.mark.parametrize("link", ["httpLink", "wsLink"])
async def test_a_value_comes_back_as_it_was_sent_or_is_refused(
    link: str, clients: Clients, keeping: str
) -> None:
    seen = await clients.play("values", "echo", keeping, link=link)
    received = {name: each["received"] for name, each in seen.items() if "received" in each}
    assert {name for name in received if received[name] == seen[name]["sent"]} == SAME
    assert {name: text for name, text in received.items() if name not in SAME} == CHANGED
    refusal = "PARSE_ERROR" if link == "wsLink" else "BAD_REQUEST"
    refused = {name: each["refused"] for name, each in seen.items() if "refused" in each}
    assert refused == dict.fromkeys(REFUSED, refusal)


async def test_a_signal_carries_json_and_nothing_else(clients: Clients, server: Server) -> None:
    execution_id = await server.service.create(LOCAL, "asking")
    await server.service.start(LOCAL, execution_id)
    seen = await clients.play("values", "signal", server.address, executionId=execution_id)
    refused = {name: each["error"]["data"]["code"] for name, each in seen["refused"].items()}
    assert refused == dict.fromkeys(("date", "map", "number"), "BAD_REQUEST")
    assert seen["sent"] == {"value": {"success": True}}
    events = server.service.follow(LOCAL, execution_id, types=frozenset({"signal:received"}))
    batches = [batch async for batch in events]
    assert [event.data["value"] for batch in batches for event in batch] == [seen["value"]]
