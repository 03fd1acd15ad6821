"""The compact form on request, at both doors: a snapshot, then the journal as it is."""

from __future__ import annotations

from typing import Any

import pytest

from chaingraph.api.app import build_app
from chaingraph.execution.principals import LOCAL
from chaingraph.modes import open_memory_house
from tests.api.matrix import document
from tests.api.peers import connected


@pytest.mark.parametrize("path", ["/", "/trpc"])
async def test_a_compact_stream_opens_with_the_flow_and_has_no_whole_nodes(path: str) -> None:
    async with open_memory_house() as house, house.working():
        await house.service.store_flow(LOCAL, document("V2sum"))
        execution_id = await house.service.create(LOCAL, "V2sum")
        await house.service.start(LOCAL, execution_id)
        events: list[Any] = []
        async with connected(build_app(house.service), path) as peer:
            assert (await peer.message())["type"] == "websocket.accept"
            given = {"executionId": execution_id, "view": "compact"}
            peer.call(1, "subscription", "subscribeToExecutionEvents", **given)
            while not events or events[-1]["type"] != "flow:completed":
                frame = await peer.frame()
                events += frame["result"].get("data", {"json": []})["json"]
    first, *others = events
    assert (first["type"], first["index"]) == ("flow:snapshot", None)
    assert [each["index"] for each in others] == list(range(-1, len(others) - 1))
    (completed,) = (each for each in others if each["type"] == "node:completed")
    data = completed["data"] if path == "/trpc" else completed["data"]["json"]
    assert data["nodeId"] == "add" and "node" not in data
