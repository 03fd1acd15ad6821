"""Small graphs: nodes with inputs i0 i1 i2 and outputs o0 o1, whose bodies nobody runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chaingraph.engine.graph import Graph, compile_flow
from chaingraph.engine.node import Kind, NodeType
from chaingraph.flow.model import Edge, Flow, Node
from chaingraph.flow.ports import Port

INPUTS = ("i0", "i1", "i2")
OUTPUTS = ("o0", "o1")


def _port(port_id: str, type_: str, direction: str) -> Port:
    return Port.from_config({"id": port_id, "key": port_id, "type": type_, "direction": direction})


PORTS = {
    **{each: _port(each, "any", "input") for each in INPUTS},
    **{each: _port(each, "any", "output") for each in OUTPUTS},
    "eventName": _port("eventName", "string", "input"),
}


class Types:
    """Every name that begins with "listen" listens; all types have the same ports."""

    def get(self, name: str) -> NodeType:
        return NodeType(
            name,
            lambda values, ctx: {},
            PORTS,
            kind=Kind.PURE,
            quick=True,
            listens=name.startswith("listen"),
        )


def node(
    node_id: str,
    type_: str = "plain",
    *,
    parent: str | None = None,
    event: str | None = None,
    auto: bool = True,
) -> Node:
    metadata: dict[str, object] = {"flowPorts": {"disabledAutoExecution": not auto}}
    if parent is not None:
        metadata["parentNodeId"] = parent
    values = {} if event is None else {"eventName": event}
    return Node(node_id, type_, metadata, PORTS, values)


def graph(nodes: Iterable[Node] | Iterable[str], edges: Iterable[str]) -> Graph:
    """Edges are written `a.o0 -> b.i0`."""
    known: Mapping[str, Node] = {
        each.id: each for each in (n if isinstance(n, Node) else node(n) for n in nodes)
    }
    return compile_flow(Flow("V2graph", {}, known, tuple(map(_edge, edges))), Types())


def _edge(text: str) -> Edge:
    (source, source_port), (target, target_port) = (end.split(".") for end in text.split(" -> "))
    return Edge(text, source, source_port, target, target_port)
