"""The full form of events: what clients of the original know, made from snapshot and fold.

Full payloads carry whole nodes with all their ports; the journal keeps only ids and what changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from chaingraph.engine.channel import Channel
from chaingraph.engine.events import Event, EventType
from chaingraph.engine.graph import Graph
from chaingraph.engine.state import FlowState
from chaingraph.execution.records import Stored
from chaingraph.execution.times import from_ms
from chaingraph.flow.codec import write_edge, write_node
from chaingraph.superjson import Custom


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """An event as a reader gets it. `data` is a superjson value; `text` is its envelope, where
    it is the one that the journal has.

    `flow:snapshot`, which opens a compact view and is in no journal, has no index.
    """

    position: int
    index: int | None
    type: str
    timestamp: datetime
    data: Mapping[str, Any]
    is_last: bool
    text: bytes | None = None
    #: what readers of this very event share, by the name of their dialect
    written: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)


class FullView:
    """Turns compact events into full ones. Give it every event from position 0 on, in order."""

    def __init__(self, graph: Graph) -> None:
        self._state = FlowState(graph)
        self._graph = graph
        self._metadata = with_dates(graph.flow.metadata)
        self._rules: Mapping[EventType, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            EventType.EXECUTION_CREATED: self._with_metadata,
            EventType.FLOW_STARTED: self._with_metadata,
            EventType.FLOW_COMPLETED: self._with_metadata,
            EventType.FLOW_FAILED: self._with_metadata,
            EventType.FLOW_CANCELLED: self._with_metadata,
            EventType.FLOW_PAUSED: self._with_metadata,
            EventType.FLOW_RESUMED: self._with_metadata,
            EventType.NODE_STARTED: self._with_node,
            EventType.NODE_COMPLETED: self._with_node,
            EventType.NODE_FAILED: self._with_node,
            EventType.EDGE_TRANSFER_COMPLETED: self._with_edge,
            EventType.EDGE_TRANSFER_FAILED: self._with_edge,
            EventType.BREAKPOINT_HIT: self._with_held_node,
        }

    @property
    def state(self) -> FlowState:
        """The nodes as of the last event."""
        return self._state

    def skip(self, event: Event) -> None:
        """Take an event into account without showing it."""
        self._state.apply(event.type, event.data)

    def show(self, event: Event, text: bytes | None = None) -> SeenEvent:
        """The full form of the next event; `text` is the envelope of its data, if it is known."""
        self._state.apply(event.type, event.data)
        rule = self._rules.get(event.type)
        return seen(event, event.data, text) if rule is None else seen(event, rule(event.data))

    def _with_metadata(self, data: Mapping[str, Any]) -> dict[str, Any]:
        return {**data, "flowMetadata": self._metadata}

    def _with_node(self, data: Mapping[str, Any]) -> dict[str, Any]:
        node = Custom("BaseNode", self.node_json(data["nodeId"]))
        kept = {k: v for k, v in data.items() if k not in ("nodeId", "values", "large", "emitted")}
        return {"node": node, **kept}

    def _with_held_node(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The values are those that the condition was tried on: the node does not have them yet."""
        node = Custom("BaseNode", self.node_json(data["nodeId"]))
        return {"node": node, **{k: v for k, v in data.items() if k != "nodeId"}}

    def _with_edge(self, data: Mapping[str, Any]) -> dict[str, Any]:
        edge = {**write_edge(self._graph.edges[data["edgeId"]]), "status": "inactive"}
        kept = {k: v for k, v in data.items() if k != "edgeId"}
        return {"serializedEdge": edge, **kept}

    def node_json(self, node_id: str) -> dict[str, Any]:
        """A node as it stands, in the stored form v2."""
        state = self._state.nodes[node_id]
        stored = self._graph.flow.nodes[node_id]
        values = {p: _shown(v) for p, v in state.values.items() if v is not None}
        current = replace(
            stored,
            status=state.status,
            values=values,
            metadata={**stored.metadata, "version": state.version},
        )
        return write_node(current)


def snapshot(stored: Stored, flow: Mapping[str, Any], position: int) -> SeenEvent:
    """What a reader of the compact form needs to know first."""
    return SeenEvent(
        position=position,
        index=None,
        type="flow:snapshot",
        timestamp=stored.row.created_at,
        data={"executionId": stored.row.id, "flow": flow},
        is_last=False,
    )


def seen(event: Event, data: Mapping[str, Any], text: bytes | None = None) -> SeenEvent:
    """An event with this payload, as a reader gets it."""
    return SeenEvent(
        position=event.position,
        index=event.index,
        type=event.type.value,
        timestamp=from_ms(event.at),
        data=data,
        is_last=event.is_last,
        text=text,
    )


def with_dates(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Flow metadata with its two times as times: so the original sends them."""
    shown = dict(metadata)
    for key in ("createdAt", "updatedAt"):
        if isinstance(shown.get(key), str):
            try:
                shown[key] = datetime.fromisoformat(shown[key])
            except ValueError:
                continue
    return shown


def _shown(value: Any) -> Any:
    if isinstance(value, Channel):
        return {"type": "stream", "buffer": list(value.items), "isClosed": value.closed}
    return value
