"""Building a flow in Python.

flow = FlowBuilder("sum", types)
add = flow.add("MathNode", a=1, b=2, operation="add")
flow.add("NumberToStringNode", number=add["result"])
flow.build()
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chaingraph.errors import InvalidFlow
from chaingraph.flow.compact import read_compact
from chaingraph.flow.model import Flow, NodeTypes
from chaingraph.flow.validate import check


@dataclass(frozen=True, slots=True)
class PortRef:
    """A port of a node in a flow that is being built."""

    node_id: str
    port_id: str

    def __str__(self) -> str:
        return f"{self.node_id}.{self.port_id}"


@dataclass(frozen=True, slots=True)
class NodeHandle:
    """A node in a flow that is being built; `handle["result"]` is a port of it."""

    id: str

    def __getitem__(self, port_id: str) -> PortRef:
        return PortRef(self.id, port_id)

    def out(self, port_id: str) -> PortRef:
        return self[port_id]


class FlowBuilder:
    """Collects nodes and edges; mistakes are told all at once, by `build`."""

    def __init__(
        self, name: str, types: NodeTypes, id: str | None = None, owner: str | None = None
    ) -> None:
        self._types = types
        self._flow: dict[str, Any] = {"name": name, "id": id, "owner": owner}
        self._nodes: dict[str, dict[str, Any]] = {}
        self._edges: list[str] = []
        self._problems: list[str] = []

    def add(
        self,
        type: str,
        node_id: str | None = None,
        /,
        *,
        parent: NodeHandle | str | None = None,
        title: str | None = None,
        retry: Mapping[str, Any] | None = None,
        timeout_ms: float | None = None,
        **inputs: Any,
    ) -> NodeHandle:
        """Add a node. An input is a value, or a port of another node to connect it with.

        `retry` is as in a flow file: `{"attempts": 3, "delayMs": 100}`; see `flow.retry`.
        """
        handle = NodeHandle(node_id or self._free_id(type))
        if handle.id in self._nodes:
            self._problems.append(f"node {handle.id}: it is there twice")
        owner = parent.id if isinstance(parent, NodeHandle) else parent
        values = {key: each for key, each in inputs.items() if not isinstance(each, PortRef)}
        self._nodes[handle.id] = {
            "type": type,
            "title": title,
            "parent": owner,
            "inputs": values,
            "retry": retry,
            "timeout": timeout_ms,
        }
        for key, each in inputs.items():
            if isinstance(each, PortRef):
                self.connect(each, handle[key])
        return handle

    def set(self, port: PortRef, value: Any) -> None:
        """Give an input a value whose port id is no Python name: `set(node["a.b"], 1)`."""
        if port.node_id in self._nodes:
            self._nodes[port.node_id]["inputs"][port.port_id] = value
        else:
            self._problems.append(f"port {port}: there is no node {port.node_id}")

    def connect(self, source: PortRef | str, target: PortRef | str) -> None:
        """Connect two ports, given as references or as `"node.port"`."""
        self._edges.append(f"{source} -> {target}")

    def build(self) -> Flow:
        """The flow. Raises InvalidFlow, with everything that is wrong with it."""
        name = self._flow["name"]
        document = {**self._flow, "nodes": self._nodes, "edges": self._edges}
        try:
            flow = read_compact(document, name, self._types)
        except InvalidFlow as error:
            raise InvalidFlow(error.flow_id, [*self._problems, *error.problems]) from None
        problems = [*self._problems, *check(flow, self._types, strict=True).errors]
        if problems:
            raise InvalidFlow(flow.id, problems)
        return flow

    def _free_id(self, type: str) -> str:
        stem = type.removesuffix("Node").lower() or "node"
        count = sum(1 for each in self._nodes.values() if each["type"] == type)
        wanted = stem if count == 0 else f"{stem}{count + 1}"
        while wanted in self._nodes:
            count += 1
            wanted = f"{stem}{count + 1}"
        return wanted
