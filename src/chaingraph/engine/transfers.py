"""Values on their way over edges, into the node that is about to run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chaingraph.engine.channel import Channel
from chaingraph.engine.events import EventType
from chaingraph.engine.plan import Plan
from chaingraph.engine.state import FlowState
from chaingraph.errors import PortError
from chaingraph.flow.model import ERROR, SUCCESS, Edge
from chaingraph.flow.transfer import copy, get_path
from chaingraph.superjson import JsError

DEAD = frozenset(("error", "skipped", "disposed"))


class Transfers:
    """Carries values over the edges of one run."""

    def __init__(
        self, state: FlowState, plan: Plan, record: Callable[[EventType, dict[str, Any]], None]
    ) -> None:
        self._graph = state.graph
        self._nodes = state.nodes
        self._plan = plan
        self._record = record

    def carry(self, node_id: str, *, only_resolved: bool) -> bool:
        """Transfer what the node begins with; False when one of its edges could not."""
        edges = self._chosen(node_id, only_resolved=only_resolved)
        return all([self._carry(edge) for edge in edges])

    def ahead(self, node_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The values a node would begin with, by port, and those that would come, by edge."""
        current = self._nodes[node_id].values
        ports = self._graph.flow.nodes[node_id].ports
        values = {port_id: current.get(port_id) for port_id in ports}
        arriving: dict[str, Any] = {}
        for edge in self._chosen(node_id, only_resolved=True):
            value = get_path(self._nodes[edge.source].values, edge.source_port)
            arriving[edge.id] = None if isinstance(value, Channel) else copy(value)
            if edge.target_port in values:
                values[edge.target_port] = arriving[edge.id]
        return {p: copy(v) for p, v in values.items() if not isinstance(v, Channel)}, arriving

    def _chosen(self, node_id: str, *, only_resolved: bool) -> list[Edge]:
        """The edges to transfer now: the first resolved one of each port, or all of them.

        Ports and edges whose values arrived before a crash keep them.
        """
        incoming = self._graph.incoming[node_id]
        arrived = self._nodes[node_id].transferred
        if not only_resolved:
            return [edge for edge in incoming if edge.id not in arrived]
        filled = {edge.target_port for edge in incoming if edge.id in arrived} if arrived else set()
        chosen: list[Edge] = []
        for edge in incoming:
            resolved = self._plan.is_resolved(edge.source, edge.source_port)
            if resolved and edge.target_port not in filled:
                filled.add(edge.target_port)
                chosen.append(edge)
        return chosen

    def _carry(self, edge: Edge) -> bool:
        problem = self._obstacle(edge)
        if problem is None:
            data: dict[str, Any] = {"edgeId": edge.id, "transferTime": 0}
            try:
                self._record(EventType.EDGE_TRANSFER_COMPLETED, data)
                return True
            except PortError as error:  # an index that no array may have
                problem = str(error)
        data = {"edgeId": edge.id, "error": JsError("Error", problem)}
        self._record(EventType.EDGE_TRANSFER_FAILED, data)
        return False

    def _obstacle(self, edge: Edge) -> str | None:
        """Why the edge cannot transfer its value, or None."""
        source = self._nodes[edge.source]
        if edge.id not in self._graph.from_error:
            if source.status in DEAD:
                return f"Source node {edge.source} is in status {source.status}"
            if source.values.get(ERROR) is True:
                return f"Source node {edge.source} has an error"
            if source.values.get(SUCCESS, True) is not True:
                return f"Source node {edge.source} did not succeed"
        if (
            edge.id in self._graph.into_required
            and get_path(source.values, edge.source_port) is None
        ):
            return (
                f"Source port {edge.source_port} has no data to transfer "
                f"and target port {edge.target_port} is required"
            )
        return None
