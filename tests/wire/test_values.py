"""Values of every superjson type, sent by the npm package and received by it again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from chaingraph.api.app import build_app
from chaingraph.api.farewell import Farewell
from chaingraph.execution.principals import LOCAL
from tests.api.fake_service import FakeService
from tests.wire.clients import Clients
from tests.wire.server import answering, open_server

SAME = {
    "plain",
    "bigint",
    "Date",
    "number",
    "RegExp",
    "RegExp in a Set",
    "Set",
    "Set of objects",
    "Set of alike",
    "Map",
    "Map of text",
    "Map of nothing",
    "Map by objects",
    "URL",
    "Error",
    "Uint8Array",
    "typed arrays",
    "keys with dots and backslashes",
    "the same twice",
    "lone surrogate",
}
# JSON knows no other Date, and the key of an undefined member is left out.
CHANGED = {
    "undefined": "nothing",
    "undefined inside": "{ b: [ 1, undefined ] }",
    "invalid Date": "null",
}
REFUSED = {"Date far away", "symbol", "class", "custom", "cycle"}
SIGNALLED = {
    "at": "2026-01-02T03:04:05.678Z",
    "nothing": [None, None, 0],
    "set": [{"x": 1}, [{"at": "2026-01-02T03:04:05.678Z"}], 2],
    "map": [[{"x": 1}, 1]],
    "texts": {"k": "2026-01-02T03:04:05.678Z"},
    "regexp": r"/a\/b/gi",
    "url": "https://x.y/z?q=1",
    "bytes": [1, 2],
    "floats": [1.5, 0],
    "error": {"name": "TypeError", "message": "bad"},
}


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


@pytest.mark.parametrize("is_durable", [False, True])
async def test_a_signal_may_carry_more_than_json_and_is_shown_as_json(
    clients: Clients, tmp_path: Path, is_durable: bool
) -> None:
    async with open_server(tmp_path if is_durable else None) as server:
        execution_id = await server.service.create(LOCAL, "asking")
        await server.service.start(LOCAL, execution_id)
        seen = await clients.play("values", "signal", server.address, executionId=execution_id)
        address = f"http://{server.address}/api/v1/executions/{execution_id}/events"
        async with httpx.AsyncClient() as client:
            page = (await client.get(address, params={"limit": 1000})).json()
    refused = {name: each["error"]["data"]["code"] for name, each in seen["refused"].items()}
    assert refused == dict.fromkeys(("symbol", "class", "cycle"), "BAD_REQUEST")
    assert seen["sent"] == {"value": {"success": True}}
    assert seen["seen"] == {"plain": SIGNALLED, "original": SIGNALLED}
    received = [each for each in page["events"] if each["type"] == "signal:received"]
    assert [each["data"]["value"] for each in received] == [SIGNALLED]
