"""How far an execution is, as a person wants to know it: a fold of its events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from chaingraph.cli.waits import waits_text
from chaingraph.engine.channel import Channel
from chaingraph.engine.events import Event, EventType
from chaingraph.engine.graph import Graph
from chaingraph.engine.state import FlowState
from chaingraph.execution.records import Status
from chaingraph.execution.times import from_ms
from chaingraph.flow.model import Edge, Node
from chaingraph.flow.ports import Direction
from chaingraph.flow.secrets import MASK, masked, with_secrets
from chaingraph.flow.transfer import get_path


class Stage(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(slots=True)
class NodeProgress:
    """One node. `took` is in ms; `message` says why it failed or was skipped."""

    node: Node
    stage: Stage = Stage.WAITING
    started_at: datetime | None = None
    took: int | None = None
    message: str = ""
    is_caught: bool = False

    @property
    def label(self) -> str:
        title = self.node.metadata.get("title")
        shown = title if title and title != self.node.id else self.node.type
        return f"{self.node.id} ({shown})"


@dataclass(frozen=True, slots=True)
class Result:
    """A value that a port holds; of a large one only the size is known."""

    port: str
    value: Any
    size: int | None = None


class Progress:
    """Give it every event from position 0 on."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._state = FlowState(graph)
        self._sizes: dict[tuple[str, str], int] = {}
        caught = {graph.edges[edge_id].source for edge_id in graph.from_error}
        self.nodes = {
            node.id: NodeProgress(node, is_caught=node.id in caught)
            for node in graph.flow.nodes.values()
        }
        self.status = Status.CREATED
        self.reason = ""
        self.started_at: datetime | None = None
        self.took: int | None = None
        #: what the execution waits for, while nobody works on it
        self.waits: list[str] = []

    def apply(self, event: Event) -> None:
        type_, data = event.type, event.data
        self._state.apply(type_, data)
        self.waits = []
        match type_:
            case EventType.FLOW_PARKED:
                self.waits = waits_text(data, lambda node_id: self.nodes[node_id].label)
            case EventType.FLOW_PAUSED:
                self.status = Status.PAUSED
            case EventType.FLOW_RESUMED:
                self.status = Status.RUNNING
            case EventType.FLOW_STARTED:
                self.status, self.started_at = Status.RUNNING, from_ms(event.at)
            case EventType.FLOW_COMPLETED:
                self._end(Status.COMPLETED, data, "")
            case EventType.FLOW_FAILED:
                self._end(Status.FAILED, data, data["error"].message)
            case EventType.FLOW_CANCELLED:
                self._end(Status.STOPPED, data, data["reason"])
            case _ if "nodeId" in data:
                self._apply_to_node(self.nodes[data["nodeId"]], event)

    def _end(self, status: Status, data: Any, reason: str) -> None:
        self.status, self.reason, self.took = status, reason, data.get("executionTime")

    def _apply_to_node(self, node: NodeProgress, event: Event) -> None:
        data = event.data
        match event.type:
            case EventType.NODE_STARTED:
                node.stage, node.started_at = Stage.RUNNING, from_ms(event.at)
            case EventType.NODE_COMPLETED:
                node.stage, node.took = Stage.COMPLETED, data.get("executionTime")
                for port_id, reference in (data.get("large") or {}).items():
                    self._sizes[node.node.id, port_id] = reference["size"]
            case EventType.NODE_FAILED:
                node.stage, node.took = Stage.FAILED, data.get("executionTime")
                node.message = data["error"].message
            case EventType.NODE_SKIPPED:
                node.stage, node.message = Stage.SKIPPED, data["reason"]

    @property
    def name(self) -> str:
        """The flow's name."""
        return self._graph.flow.name

    @property
    def ended(self) -> int:
        """How many nodes neither wait nor run."""
        return sum(n.stage not in (Stage.WAITING, Stage.RUNNING) for n in self.nodes.values())

    def of(self, stage: Stage) -> list[NodeProgress]:
        """The nodes at this stage, in the flow's order."""
        return [node for node in self.nodes.values() if node.stage is stage]

    @property
    def failures(self) -> list[NodeProgress]:
        return self.of(Stage.FAILED)

    @property
    def uncaught(self) -> list[NodeProgress]:
        """The failed nodes whose error ports nobody listens to."""
        return [node for node in self.failures if not node.is_caught]

    def results(self) -> list[Result]:
        """The outputs of the completed nodes that no other node takes from."""
        return [
            each
            for node in self.of(Stage.COMPLETED)
            if not self._graph.successors[node.node.id]
            for each in self._outputs(node.node)
        ]

    def _outputs(self, node: Node) -> Iterator[Result]:
        giving = [port for port in node.ports.values() if port.direction.gives_values]
        # What merely passes through a node is a result only of a node that makes nothing.
        made = [port for port in giving if port.direction is Direction.OUTPUT]
        for port in made or giving:
            found = self._result(node, port.id)
            if found.value is not None or found.size is not None:
                yield found

    def arrivals(self, node: Node) -> list[tuple[Edge, Result]]:
        """What is connected to the inputs of a node, and what they hold."""
        return [
            (edge, self._result(node, edge.target_port)) for edge in self._graph.incoming[node.id]
        ]

    def _result(self, node: Node, port_id: str) -> Result:
        port = node.port(port_id)
        value = get_path(self._state.nodes[node.id].values, port_id)
        if isinstance(value, Channel):
            value = value.items
        if port is not None:
            value = with_secrets(port, value, lambda *_: MASK)
        return Result(f"{node.id}.{port_id}", masked(value), self._sizes.get((node.id, port_id)))
