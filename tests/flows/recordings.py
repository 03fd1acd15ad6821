"""Recorded flows: as they were stored, and what happened when they ran."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from chaingraph.execution.view import SeenEvent
from chaingraph.flow.codec import read_flow
from chaingraph.flow.model import Flow
from chaingraph.superjson import dumps

DATA = Path(__file__).parent / "data"
NAMES = (
    "V1_chain10",
    "V1_emit1",
    "V2_branch_true",
    "V2_chain1",
    "V2_chain10",
    "V2_emit1",
    "V2_error",
    "V2_sleep100",
    "V2_wide100",
)
SILENT = "there are unresolved input ports"

Happening: TypeAlias = dict[str, Any]
"""An event less ids, times and configurations: type, node, and what is compared."""


def stored_flow(name: str) -> Flow:
    return read_flow(json.loads((DATA / f"{name}.flow.json").read_text()), name)


def recorded(name: str) -> list[Happening]:
    return _lines(f"{name}.events.jsonl")


def samples() -> list[dict[str, Any]]:
    """One whole recorded event of each type, with the name of its flow."""
    return _lines("samples.jsonl")


def _lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text().splitlines()]


def envelope(event: SeenEvent) -> dict[str, Any]:
    """The payload as it goes over the wire: `json`, and `meta` when there is any."""
    written: dict[str, Any] = json.loads(dumps(event.data))
    return written


def happening(event: SeenEvent) -> Happening:
    data = envelope(event)["json"]
    seen: Happening = {"type": event.type}
    if "node" in data:
        seen |= _node(data["node"])
    if "serializedEdge" in data:
        seen |= _edge(data["serializedEdge"])
    names = {"nodeId": "node", "oldStatus": "old", "newStatus": "new"}
    for key in ("nodeId", "oldStatus", "newStatus", "reason", "error"):
        if key in data:
            seen[names.get(key, key)] = data[key]
    return seen


def _node(node: Mapping[str, Any]) -> Happening:
    values = {each["config"]["id"]: each["value"] for each in node["ports"] if "value" in each}
    values |= {each["id"]: each["value"] for each in node["systemPorts"].values()}
    return {"node": node["id"], "status": node["status"], "values": values}


def _edge(edge: Mapping[str, Any]) -> Happening:
    source = f"{edge['sourceNodeId']}.{edge['sourcePortId']}"
    target = f"{edge['targetNodeId']}.{edge['targetPortId']}"
    return {
        "node": edge["targetNodeId"],
        "edge": f"{source} -> {target}",
        "status": edge["status"],
    }


def by_node(happenings: list[Happening]) -> dict[str, list[Happening]]:
    """Each node's own events in order; a transfer is an event of its target."""
    own: dict[str, list[Happening]] = {}
    for each in happenings:
        if "node" in each:
            own.setdefault(each["node"], []).append(each)
    return own


def is_silent(own: list[Happening]) -> bool:
    """Whether the node said only that it was never ready: the original says nothing then."""
    return [each["type"] for each in own] == ["node:status-changed", "node:skipped"] and (
        own[1]["reason"] == SILENT
    )
