"""A few node types, as small as a flow needs them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaingraph.flow.model import Flow
from chaingraph.flow.ports import Port


@dataclass(frozen=True)
class Kind:
    name: str
    ports: Mapping[str, Port]
    title: str = ""
    category: str = "other"
    description: str = ""
    flow_ports: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "effect"


@dataclass(frozen=True)
class Kinds:
    known: Mapping[str, Kind]

    def get(self, name: str) -> Kind | None:
        return self.known.get(name)


def port(port_id: str, kind: str, direction: str = "input", **config: Any) -> Port:
    named = {"id": port_id, "key": port_id, "type": kind, "direction": direction}
    return Port.from_config({**named, **config})


def kind(name: str, *ports: Port, **facts: Any) -> Kind:
    return Kind(name, {each.id: each for each in ports}, **facts)


def obj(**properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"schema": {"properties": properties}}


KINDS = Kinds(
    {
        each.name: each
        for each in (
            kind(
                "MathNode",
                port("a", "number", "passthrough", defaultValue=0),
                port("b", "number", "passthrough", defaultValue=0),
                port("operation", "enum", options=[{"id": "add"}, {"id": "divide"}]),
                port("result", "number", "output", defaultValue=0),
                title="Math",
                category="math",
            ),
            kind("TextNode", port("text", "string", "passthrough", defaultValue=""), title="Text"),
            kind("NeedyNode", port("need", "string", required=True), port("out", "any", "output")),
            kind(
                "BoxNode",
                port(
                    "box",
                    "object",
                    **obj(size={"type": "number", "defaultValue": 3}, label={"type": "string"}),
                ),
                port("items", "array", itemConfig={"type": "number"}),
                port("key", "secret", secretType="openai"),
                port("words", "stream", "output", itemConfig={"type": "string"}),
            ),
            kind("OpenNode", port("payload", "object", isSchemaMutable=True)),
            kind("GroupNode", category="group"),
            kind("OnceNode", kind="once"),
            kind(
                "ListenerNode",
                port("eventName", "string"),
                port("eventPayload", "any", "output"),
                flow_ports={"disabledAutoExecution": True},
            ),
            kind(
                "BareNode",
                port("x", "number"),
                flow_ports={"disabledFlowPorts": True, "disabledError": True},
            ),
        )
    }
)


def kinds_in(flow: Flow) -> Kinds:
    """Node types that declare exactly what the flow's nodes store."""
    return Kinds({each.type: Kind(each.type, each.ports) for each in flow.nodes.values()})


def stored_row(name: str) -> dict[str, Any]:
    """A whole row of `chaingraph_flows`."""
    path = Path(__file__).parent / "data" / f"{name}.flow.json"
    row: dict[str, Any] = json.loads(path.read_text())
    return row
