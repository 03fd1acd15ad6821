"""Which nodes may run: plain data with a few methods, synchronous, no I/O.

The rules:
- a node is ready when each of its connected target ports has at least one resolved source port
  (or within a port, and across ports); unconnected ports never block;
- a container also waits until every node inside it has ended;
- a completed node resolves its outputs, a failed one only its error ports, a skipped one nothing;
- a node runs at most once.

Every method costs the edges it touches; none but the constructor looks at all nodes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from chaingraph.engine.binding import excluded_nodes
from chaingraph.engine.events import EventType
from chaingraph.engine.graph import Graph, PortRef
from chaingraph.engine.node import FlowEvent


class Plan:
    """The readiness of one execution's nodes."""

    def __init__(self, graph: Graph, event: FlowEvent | None = None) -> None:
        self._graph = graph
        self.excluded = excluded_nodes(graph, event)
        self._resolved: set[PortRef] = set()
        self._satisfied: set[PortRef] = set()
        self._seen: set[str] = set()
        #: what still has to happen before a node is ready: open target ports, unfinished children
        self._open: Counter[str] = Counter()
        for node_id, edges in graph.incoming.items():
            self._open[node_id] = len({edge.target_port for edge in edges})
        for parent, inside in graph.children.items():
            self._open[parent] += sum(child not in self.excluded for child in inside)

    def first(self) -> list[str]:
        """The nodes that wait for nothing, in flow order."""
        return self._ready(n for n in self._graph.flow.nodes if self._open[n] == 0)

    def is_resolved(self, node_id: str, port_id: str) -> bool:
        return (node_id, port_id) in self._resolved

    def resolve(self, node_id: str, port_id: str) -> list[str]:
        """A source port got its value. Returns the nodes that became ready by it."""
        source = (node_id, port_id)
        if source in self._resolved:
            return []
        self._resolved.add(source)
        ready: list[str] = []
        for target in self._graph.waiting.get(source, ()):
            if target not in self._satisfied:
                self._satisfied.add(target)
                ready += self._closer(target[0])
        return ready

    def finish(self, node_id: str, outcome: EventType) -> list[str]:
        """A node ended. Returns the nodes that became ready by it."""
        ready: list[str] = []
        for port_id in self._resolving(node_id, outcome):
            ready += self.resolve(node_id, port_id)
        node = self._graph.flow.nodes[node_id]
        if node.parent_id is not None and node.parent_id in self._graph.children:
            ready += self._closer(node.parent_id)
        return ready

    def never_ready(self) -> list[str]:
        """The nodes that wait for what will not come, in flow order, without the excluded ones."""
        nodes = self._graph.flow.nodes
        return [n for n in nodes if n not in self._seen and n not in self.excluded]

    def _resolving(self, node_id: str, outcome: EventType) -> tuple[str, ...]:
        if outcome is EventType.NODE_COMPLETED:
            return self._graph.resolves[node_id]
        if outcome is EventType.NODE_FAILED:
            return self._graph.resolves_on_error[node_id]
        return ()

    def _closer(self, node_id: str) -> list[str]:
        self._open[node_id] -= 1
        return self._ready((node_id,)) if self._open[node_id] == 0 else []

    def _ready(self, nodes: Iterable[str]) -> list[str]:
        ready = [n for n in nodes if n not in self._seen and n not in self.excluded]
        self._seen.update(ready)
        return ready
