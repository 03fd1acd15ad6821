"""The flow that a fork runs: what was kept as it ran, the rest as it is now. Plain code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from chaingraph.errors import BadInput
from chaingraph.flow.model import Edge, Flow, Node

Ends: TypeAlias = tuple[str, str, str, str]


def incompatibilities(old: Flow, new: Flow, kept: Collection[str]) -> list[str]:
    """Why `new` cannot go on from what the kept nodes did in `old`: a sentence for each of them.

    Both are complete flows. The values that stand at kept nodes may differ: they ran with the
    old ones, and a fork keeps these.
    """
    before, now = _Surroundings(old), _Surroundings(new)
    sentences = (_incompatibility(each, before, now) for each in old.nodes if each in kept)
    return [each for each in sentences if each is not None]


def joined(old: Flow, new: Flow, kept: Collection[str]) -> Flow:
    """`new`, with the kept nodes as they were in `old`."""
    nodes = {i: old.nodes[i] if i in kept else node for i, node in new.nodes.items()}
    return replace(new, nodes=nodes)


def open_for(flow: Flow, inputs: Collection[str], kept: Collection[str], *, is_bound: bool) -> Flow:
    """`flow` without the edges whose values would take the place of the replaced inputs.

    Inputs are named `node.port`. Raises BadInput where one belongs to a kept node; or where an
    edge would have to go although the execution `is_bound` to an event: edges tell what is.
    """
    closed = [name for name in inputs if name.partition(".")[0] in kept]
    if closed:
        raise BadInput(
            f"Cannot replace {', '.join(closed)}: the node has run and is taken over. "
            "To run it again, fork from it"
        )
    replaced = [edge for edge in flow.edges if _is_replaced(edge, inputs)]
    if replaced and is_bound:
        raise BadInput(
            f"Cannot replace what {', '.join(map(str, replaced))} brings: "
            "by its edges a node is bound to the event that started the execution"
        )
    return replace(flow, edges=tuple(edge for edge in flow.edges if edge not in replaced))


def _is_replaced(edge: Edge, inputs: Iterable[str]) -> bool:
    port = f"{edge.target}.{edge.target_port}"
    return any(port == name or port.startswith((f"{name}.", f"{name}[")) for name in inputs)


class _Surroundings:
    """What the nodes of a flow stand among: the edges at them, and the nodes inside them."""

    def __init__(self, flow: Flow) -> None:
        self.nodes: Mapping[str, Node] = flow.nodes
        self.into: defaultdict[str, set[Ends]] = defaultdict(set)
        self.out: defaultdict[str, set[str]] = defaultdict(set)
        self.inside: defaultdict[str | None, set[str]] = defaultdict(set)
        for edge in flow.edges:
            ends = (edge.id, edge.source, edge.source_port, edge.target_port)
            self.into[edge.target].add(ends)
            self.out[edge.source].add(edge.source_port)
        for node in flow.nodes.values():
            self.inside[node.parent_id].add(node.id)


def _incompatibility(node_id: str, before: _Surroundings, now: _Surroundings) -> str | None:
    old, new = before.nodes[node_id], now.nodes.get(node_id)
    if new is None:
        return f"Node {node_id} has run, and the newer flow does not have it"
    if new.type != old.type:
        return f"Node {node_id} has run as {old.type}; in the newer flow it is {new.type}"
    for difference in (*_port_differences(old, new, now), *_place_differences(old, before, now)):
        return f"Node {node_id} has run; in the newer flow {difference}"
    return None


def _port_differences(old: Node, new: Node, now: _Surroundings) -> Iterator[str]:
    for port in old.ports.values():
        found = new.ports.get(port.id)
        if found is None:
            yield f"it has no port {port.id}"
        elif found.type is not port.type:
            yield f"its port {port.id} is of type {found.type} instead of {port.type}"
    for port_id in sorted(now.out[old.id]):
        if old.port(port_id) is None:
            yield f"an edge leads from its new port {port_id}"


def _place_differences(old: Node, before: _Surroundings, now: _Surroundings) -> Iterator[str]:
    if now.into[old.id] != before.into[old.id]:
        yield "other edges lead to it"
    if now.nodes[old.id].parent_id != old.parent_id:
        yield "it stands inside another node"
    if now.inside[old.id] != before.inside[old.id]:
        yield "other nodes stand inside it"
