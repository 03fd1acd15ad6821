"""A flow compiled for running: who feeds whom. Made once for each flow snapshot, never changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from chaingraph.engine.node import Kind, NodeType
from chaingraph.errors import InvalidFlow
from chaingraph.flow.model import ERROR, ERROR_MESSAGE, Edge, Flow, Node
from chaingraph.flow.ports import Direction, PortType, root_of
from chaingraph.flow.retry import Retry, timeout_of
from chaingraph.flow.secrets import holds_secrets

PortRef: TypeAlias = tuple[str, str]
"""(node id, port id)"""


class Types(Protocol):
    """The node types a graph is compiled with; a Catalog satisfies it."""

    def get(self, name: str) -> NodeType | None: ...


@dataclass(frozen=True, slots=True)
class Graph:
    """The adjacency of a flow. Everything is by id; order is the flow's."""

    flow: Flow
    types: Mapping[str, NodeType]
    edges: Mapping[str, Edge]
    #: node -> its incoming edges, in edge order
    incoming: Mapping[str, tuple[Edge, ...]]
    #: node -> the nodes that its outgoing edges lead to, without repetition
    successors: Mapping[str, tuple[str, ...]]
    #: source port -> the (node, target port) pairs that wait for it
    waiting: Mapping[PortRef, tuple[PortRef, ...]]
    #: node -> its connected source ports that resolve when it completes
    resolves: Mapping[str, tuple[str, ...]]
    #: node -> its connected source ports that resolve when it fails
    resolves_on_error: Mapping[str, tuple[str, ...]]
    #: container node -> the nodes inside it
    children: Mapping[str, tuple[str, ...]]
    #: node -> the output ports that carry a stream of this node's own
    streams_out: Mapping[str, tuple[str, ...]]
    #: edges that leave an error port: they transfer although their source failed
    from_error: frozenset[str]
    #: edges into a required port: they fail when there is nothing to transfer
    into_required: frozenset[str]
    #: nodes that are tried again when they fail, and those with a time limit of their own, in ms
    retries: Mapping[str, Retry]
    timeouts: Mapping[str, float]
    #: nodes whose bodies run on the event loop, one after the other
    quick: frozenset[str]
    #: node -> its ports that hold secrets; only nodes that have such
    secrets: Mapping[str, tuple[str, ...]]


def compile_flow(flow: Flow, types: Types | None = None) -> Graph:
    """Compile a complete flow; without `types` for reading only, not for running.

    Raises InvalidFlow when a node type is unknown.
    """
    incoming: dict[str, list[Edge]] = {node_id: [] for node_id in flow.nodes}
    outgoing: dict[str, list[Edge]] = {node_id: [] for node_id in flow.nodes}
    waiting: defaultdict[PortRef, list[PortRef]] = defaultdict(list)
    for edge in flow.edges:
        incoming[edge.target].append(edge)
        outgoing[edge.source].append(edge)
        waiting[edge.source, edge.source_port].append((edge.target, edge.target_port))
    known = {} if types is None else _known_types(flow, types)
    return Graph(
        flow=flow,
        types=known,
        edges={edge.id: edge for edge in flow.edges},
        incoming={node_id: tuple(edges) for node_id, edges in incoming.items()},
        successors={n: tuple(dict.fromkeys(e.target for e in es)) for n, es in outgoing.items()},
        waiting={source: tuple(targets) for source, targets in waiting.items()},
        resolves={
            n: _source_ports(flow.nodes[n], es, on_error=False) for n, es in outgoing.items()
        },
        resolves_on_error={
            n: _source_ports(flow.nodes[n], es, on_error=True) for n, es in outgoing.items()
        },
        children=_children(flow),
        streams_out={node.id: _streams_out(node) for node in flow.nodes.values()},
        from_error=frozenset(e.id for e in flow.edges if e.source_port in (ERROR, ERROR_MESSAGE)),
        into_required=frozenset(e.id for e in flow.edges if _is_required(flow, e)),
        retries={n.id: r for n in flow.nodes.values() if (r := Retry.of(n.metadata))},
        quick=frozenset(n for n, each in known.items() if _is_quick(flow.nodes[n], each)),
        timeouts={n.id: t for n in flow.nodes.values() if (t := timeout_of(n.metadata))},
        secrets={n.id: p for n in flow.nodes.values() if (p := _secret_ports(n))},
    )


def _is_quick(node: Node, node_type: NodeType) -> bool:
    waits = node_type.waits is not None or Retry.of(node.metadata) is not None
    return node_type.quick and node_type.kind is Kind.PURE and not waits


def _is_required(flow: Flow, edge: Edge) -> bool:
    port = flow.nodes[edge.target].port(edge.target_port)
    return port is not None and port.required


def _known_types(flow: Flow, types: Types) -> dict[str, NodeType]:
    known = {node.id: types.get(node.type) for node in flow.nodes.values()}
    unknown = [
        f"node {node_id} has the unknown type {flow.nodes[node_id].type}"
        for node_id, found in known.items()
        if found is None
    ]
    if unknown:
        raise InvalidFlow(flow.id, unknown)
    return {node_id: found for node_id, found in known.items() if found is not None}


def _source_ports(node: Node, edges: list[Edge], *, on_error: bool) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for edge in edges:
        port = node.port(root_of(edge.source_port))
        gives = port is not None and port.direction.gives_values
        if gives and port is not None and port.is_error is on_error:
            found[edge.source_port] = None
    return tuple(found)


def _children(flow: Flow) -> dict[str, tuple[str, ...]]:
    children: defaultdict[str, list[str]] = defaultdict(list)
    for node in flow.nodes.values():
        if node.parent_id is not None and node.parent_id in flow.nodes:
            children[node.parent_id].append(node.id)
    return {parent: tuple(inside) for parent, inside in children.items()}


def _secret_ports(node: Node) -> tuple[str, ...]:
    return tuple([port_id for port_id, port in node.ports.items() if holds_secrets(port)])


def _streams_out(node: Node) -> tuple[str, ...]:
    return tuple(
        port.id
        for port in node.ports.values()
        if port.type is PortType.STREAM and port.direction is Direction.OUTPUT
    )
