"""Which nodes an execution leaves out because of event binding.

A node is bound to a listener's event when it is the listener, upstream or downstream of it, or
upstream of something downstream. Walks stop at other listeners. An ordinary execution leaves out
everything bound; one started by an event runs only what is bound to that event.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from chaingraph.engine.graph import Graph
from chaingraph.engine.node import FlowEvent


def excluded_nodes(graph: Graph, event: FlowEvent | None) -> frozenset[str]:
    """The ids of the nodes that take no part in this execution."""
    listeners = {
        node.id: str(node.values.get("eventName") or "")
        for node in graph.flow.nodes.values()
        if graph.types[node.id].listens
    }
    bound = _bound(graph, listeners)
    if event is None:
        return frozenset(
            node.id
            for node in graph.flow.nodes.values()
            if node.id in bound or node.flow_ports.disabled_auto_execution
        )
    return frozenset(n for n in graph.flow.nodes if event.name not in bound.get(n, ()))


def _bound(graph: Graph, listeners: dict[str, str]) -> dict[str, set[str]]:
    def sources(node_id: str) -> Iterable[str]:
        return (edge.source for edge in graph.incoming[node_id])

    def targets(node_id: str) -> Iterable[str]:
        return graph.successors[node_id]

    names: defaultdict[str, set[str]] = defaultdict(set)
    for listener, name in listeners.items():
        others = listeners.keys() - {listener}
        downstream = _reach({listener}, targets, others)
        for node_id in _reach(downstream, sources, others):
            names[node_id].add(name)
    return dict(names)


def _reach(start: set[str], neighbours: Callable[[str], Iterable[str]], stop: set[str]) -> set[str]:
    found = set(start)
    todo = list(start)
    while todo:
        for each in neighbours(todo.pop()):
            if each not in found and each not in stop:
                found.add(each)
                todo.append(each)
    return found
