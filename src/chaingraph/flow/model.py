"""What a flow is: nodes with ports, and edges between them. Pure data, never changed.

Everything that was read is kept: keys this version does not know live in `extra` and in the raw
`metadata` and `config` mappings, and are written back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from chaingraph.flow.ports import Direction, Json, JsonObject, Port, PortType, root_of

EXECUTE = "__execute"
SUCCESS = "__success"
ERROR = "__error"
ERROR_MESSAGE = "__errorMessage"


def _system(key: str, kind: PortType, direction: Direction, default: Json, category: str) -> Port:
    config = {
        "id": key,
        "key": key,
        "type": kind.value,
        "direction": direction.value,
        "defaultValue": default,
        "metadata": {"isSystemPort": True, "portCategory": category},
    }
    return Port(key, key, kind, direction, config)


#: The four ports every node has unless its `flowPorts` switch them off. `__success` is true
#: before the node ever ran: that is what lets a port transfer that resolved early.
SYSTEM_PORTS: Mapping[str, Port] = {
    EXECUTE: _system(EXECUTE, PortType.BOOLEAN, Direction.INPUT, True, "flow"),
    SUCCESS: _system(SUCCESS, PortType.BOOLEAN, Direction.OUTPUT, True, "flow"),
    ERROR: _system(ERROR, PortType.BOOLEAN, Direction.OUTPUT, False, "error"),
    ERROR_MESSAGE: _system(ERROR_MESSAGE, PortType.STRING, Direction.OUTPUT, "", "error"),
}


#: the names under which a stored node's `systemPorts` lists them
SYSTEM_KEYS: Mapping[str, str] = {
    "error": ERROR,
    "errorMessage": ERROR_MESSAGE,
    "execute": EXECUTE,
    "success": SUCCESS,
}


@dataclass(frozen=True, slots=True)
class FlowPorts:
    """Which system ports a node does without, and whether it starts by itself."""

    disabled_flow_ports: bool = False
    disabled_auto_execution: bool = False
    disabled_error: bool = False

    @classmethod
    def from_json(cls, raw: JsonObject) -> FlowPorts:
        return cls(
            bool(raw.get("disabledFlowPorts", False)),
            bool(raw.get("disabledAutoExecution", False)),
            bool(raw.get("disabledError", False)),
        )


@dataclass(frozen=True, slots=True)
class Node:
    """One node as stored.

    `ports` are the top-level ports without the system ones, in order, by id. `values` are the
    stored values of top-level and system ports by id, in JSON form; a missing key means the
    stored node holds no value for that port.
    """

    id: str
    type: str
    metadata: JsonObject
    ports: Mapping[str, Port]
    values: Mapping[str, Json]
    status: str = "initialized"
    #: port id -> [{nodeId, portId}]; the editor's second copy of the edges, kept verbatim
    connections: JsonObject | None = None
    extra: JsonObject = field(default_factory=dict)
    #: keys that the stored form leaves out although it usually has them
    absent: frozenset[str] = frozenset()

    @property
    def title(self) -> str:
        return str(self.metadata.get("title") or self.id)

    @property
    def category(self) -> str:
        return str(self.metadata.get("category") or "other")

    @property
    def parent_id(self) -> str | None:
        parent = self.metadata.get("parentNodeId")
        return str(parent) if parent else None

    @property
    def flow_ports(self) -> FlowPorts:
        raw = self.metadata.get("flowPorts")
        return FlowPorts.from_json(raw) if isinstance(raw, Mapping) else FlowPorts()

    def port(self, port_id: str) -> Port | None:
        """The top-level, system or (by its path) child port with this id; None if there is none."""
        if port_id in self.ports:
            return self.ports[port_id]
        if port_id in SYSTEM_PORTS:
            return self._system_port(port_id)
        root = root_of(port_id)
        parent = self.ports.get(root)
        return parent.child(port_id[len(root) :]) if parent is not None else None

    def _system_port(self, port_id: str) -> Port | None:
        flow_ports = self.flow_ports
        is_error = SYSTEM_PORTS[port_id].is_error
        off = flow_ports.disabled_error if is_error else flow_ports.disabled_flow_ports
        return None if off else SYSTEM_PORTS[port_id]


@dataclass(frozen=True, slots=True)
class Edge:
    """A connection from a source port to a target port. Their order in the flow matters."""

    id: str
    source: str
    source_port: str
    target: str
    target_port: str
    metadata: JsonObject = field(default_factory=dict)
    extra: JsonObject = field(default_factory=dict)
    absent: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.source}.{self.source_port} -> {self.target}.{self.target_port}"


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow. The order of nodes and edges is the stored one and breaks ties."""

    id: str
    metadata: JsonObject
    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]
    extra: JsonObject = field(default_factory=dict)
    absent: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return str(self.metadata.get("name") or self.id)

    @property
    def owner(self) -> str:
        return str(self.metadata.get("ownerID") or "local")


class NodeTypeInfo(Protocol):
    """What a flow needs to know about a node type; the engine's NodeType satisfies it."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def ports(self) -> Mapping[str, Port]: ...
    @property
    def flow_ports(self) -> Mapping[str, Any]: ...
    @property
    def kind(self) -> str:
        """`pure`, `effect` or `once`: what running a node of it again would mean."""


class NodeTypes(Protocol):
    """A set of known node types; the engine's Catalog satisfies it."""

    def get(self, name: str) -> NodeTypeInfo | None: ...
