"""Flows to send, and what is done in many tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import httpx

from chaingraph.api.farewell import Farewell
from chaingraph.api.identity.visitor import OPEN_GATE
from chaingraph.api.rest.app import build_rest
from chaingraph.api.rest.door import Door
from chaingraph.api.rest.procedures import rest_router
from tests.api.fake_service import FakeService

SUM: dict[str, Any] = {
    "id": "sum",
    "name": "Sum",
    "nodes": {"add": {"type": "MathNode", "inputs": {"a": 1, "b": 2, "operation": "add"}}},
}
WAITING: dict[str, Any] = {
    "id": "waiting",
    "nodes": {"wait": {"type": "WaitForSignalNode", "inputs": {"name": "go"}}},
}
STREAM = {"accept": "text/event-stream"}


def openapi_document() -> dict[str, Any]:
    door = Door(rest_router(FakeService()), OPEN_GATE, Farewell(), 1, None)
    return build_rest(door).openapi()


async def create(client: httpx.AsyncClient, flow: dict[str, Any], *, start: bool = True) -> str:
    """Store the flow and make an execution of it."""
    await client.post("/flows", json=flow)
    answer = await client.post("/executions", json={"flowId": flow["id"], "start": start})
    assert answer.status_code == 201, answer.text
    execution_id: str = answer.json()["executionId"]
    return execution_id


async def finished(client: httpx.AsyncClient) -> str:
    """An execution that has ended."""
    execution_id = await create(client, SUM)
    await client.get(f"/executions/{execution_id}/events", headers=STREAM)
    return execution_id


@dataclass(frozen=True)
class Message:
    """One server-sent event."""

    event: str | None
    id: str | None
    data: Any


def messages(text: str) -> list[Message]:
    """The messages of a stream, without its comments."""
    blocks = [block for block in text.split("\n\n") if block and not block.startswith(":")]
    return [_message(dict(line.split(": ", 1) for line in each.split("\n"))) for each in blocks]


def _message(members: dict[str, str]) -> Message:
    return Message(members.get("event"), members.get("id"), json.loads(members["data"]))
