"""Where an execution stands: a fold of its events, and of nothing else.

The running engine and everybody who reads a journal use the same `apply`, so what is recovered
after a crash is what was there before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaingraph.engine.channel import Channel
from chaingraph.engine.events import EventType
from chaingraph.engine.graph import Graph
from chaingraph.engine.holds import Holds
from chaingraph.engine.waits import Answer, ChildEnded, Received, TimeIsUp
from chaingraph.flow.model import ERROR, ERROR_MESSAGE, SUCCESS, Edge, Node
from chaingraph.flow.ports import PortType, root_of
from chaingraph.flow.transfer import get_path, set_path

NEVER = math.inf

#: Statuses a stored node may begin with; anything else is a leftover of an earlier run.
FRESH = frozenset(("idle", "initialized", "ready", "pending"))


@dataclass(slots=True)
class NodeState:
    """One node's state. `outcome` is None until its completion, failure or skip is recorded."""

    status: str
    #: top-level and system port id -> plain value, or the Channel of a stream port
    values: dict[str, Any]
    version: int = 0
    #: how often the node was started
    attempt: int = 0
    announced: bool = False
    outcome: EventType | None = None
    #: the edges whose values have arrived, by edge id
    transferred: set[str] = field(default_factory=set)
    #: output ports that resolved before the node ended
    resolved: set[str] = field(default_factory=set)
    #: what it waits for before its body runs, as it is in the journal
    wait: Mapping[str, Any] | None = None
    answer: Answer | None = None
    #: tries that failed and are to be repeated, and when, in ms; NEVER: when the flow is resumed
    failures: int = 0
    retry_at: float | None = None

    @property
    def waits_for(self) -> Mapping[str, Any] | None:
        """What keeps its body from running, as it is told; None: nothing."""
        if self.retry_at is not None:
            return {"kind": "retry", "due": None if self.retry_at == NEVER else self.retry_at}
        return self.wait if self.answer is None else None


def _stream(value: Any) -> Channel:
    channel = Channel()
    if isinstance(value, Mapping):
        channel.items = list(value.get("buffer") or ())
        channel.committed = len(channel.items)
        if value.get("isClosed"):
            channel.close()
    return channel


def _initial(node: Node) -> NodeState:
    values = dict(node.values)
    for port in node.ports.values():
        if port.type is PortType.STREAM:
            values[port.id] = _stream(values.get(port.id))
    version = node.metadata.get("version")
    return NodeState(
        status=node.status if node.status in FRESH else "initialized",
        values=values,
        version=version if isinstance(version, int) else 1,
    )


class FlowState:
    """The state of all nodes of one execution. `apply` is the only way to change it."""

    __slots__ = (
        "_edges",
        "_rules",
        "failed_child",
        "graph",
        "holds",
        "nodes",
        "open_children",
        "signals",
        "spawned",
    )

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes = {node.id: _initial(node) for node in graph.flow.nodes.values()}
        self.holds = Holds()
        #: signals that came and were not consumed yet, by id, in the order of their coming
        self.signals: dict[str, Mapping[str, Any]] = {}
        #: children so far, and those of them that have not ended
        self.spawned = 0
        self.open_children = 0
        #: the event of the first child that failed and that no node had called
        self.failed_child: Mapping[str, Any] | None = None
        self._edges: Mapping[str, Edge] = graph.edges
        self._rules: Mapping[EventType, Callable[[Mapping[str, Any]], None]] = {
            EventType.NODE_STATUS_CHANGED: self._status_changed,
            EventType.NODE_STARTED: self._started,
            EventType.NODE_COMPLETED: self._completed,
            EventType.NODE_FAILED: self._failed,
            EventType.NODE_SKIPPED: self._skipped,
            EventType.EDGE_TRANSFER_COMPLETED: self._transferred,
            EventType.NODE_PORT_RESOLVED: self._port_resolved,
            EventType.NODE_STREAM_CHUNK: self._chunk,
            EventType.NODE_WAITING: self._waiting,
            EventType.NODE_ANSWERED: self._answered,
            EventType.NODE_RETRY_SCHEDULED: self._retry_scheduled,
            EventType.SIGNAL_RECEIVED: self._signal,
            EventType.SIGNAL_REJECTED: self._signal_rejected,
            EventType.CHILD_SPAWNED: self._child_spawned,
            EventType.CHILD_COMPLETED: self._child_ended,
            EventType.CHILD_FAILED: self._child_failed,
            EventType.FLOW_PAUSED: self.holds.pause,
            EventType.FLOW_RESUMED: self._resumed,
            EventType.BREAKPOINT_HIT: self.holds.hit,
            EventType.BREAKPOINTS_SET: self.holds.set_breakpoints,
            EventType.STEPPED: self._stepped,
        }

    def all_committed(self) -> None:
        """Everything applied so far came from the journal: readers of streams may have it."""
        for node_id, ports in self.graph.streams_out.items():
            for port_id in ports:
                channel: Channel = self.nodes[node_id].values[port_id]
                channel.commit(len(channel.items))

    def apply(self, type_: EventType, data: Mapping[str, Any]) -> None:
        rule = self._rules.get(type_)
        if rule is not None:
            rule(data)

    def _status_changed(self, data: Mapping[str, Any]) -> None:
        state = self.nodes[data["nodeId"]]
        state.status = data["newStatus"]
        state.version += 1
        state.announced = True

    def _started(self, data: Mapping[str, Any]) -> None:
        node_id = data["nodeId"]
        state = self.nodes[node_id]
        state.attempt += 1
        state.wait = state.answer = state.retry_at = None
        for port_id in self.graph.streams_out[node_id]:
            channel: Channel = state.values[port_id]
            channel.restart()

    def _transferred(self, data: Mapping[str, Any]) -> None:
        edge = self._edges[data["edgeId"]]
        value = get_path(self.nodes[edge.source].values, edge.source_port)
        target = self.nodes[edge.target]
        set_path(target.values, edge.target_port, value)
        target.version += 1
        target.transferred.add(edge.id)

    def _port_resolved(self, data: Mapping[str, Any]) -> None:
        state = self.nodes[data["nodeId"]]
        port_id = data["portId"]
        state.resolved.add(port_id)
        if "value" in data:
            set_path(state.values, port_id, data["value"])

    def _chunk(self, data: Mapping[str, Any]) -> None:
        channel: Channel = self.nodes[data["nodeId"]].values[root_of(data["portId"])]
        channel.extend_to(data["from"], data["items"])

    def _waiting(self, data: Mapping[str, Any]) -> None:
        self.nodes[data["nodeId"]].wait = data["wait"]

    def _answered(self, data: Mapping[str, Any]) -> None:
        state, answer = self.nodes[data["nodeId"]], data["answer"]
        match answer["kind"]:
            case "signal":
                signal = self.signals.pop(answer["signalId"])
                state.answer = Received(signal["value"], signal["by"])
            case "child":
                outputs = answer.get("outputs") or {}
                state.answer = ChildEnded(
                    answer["executionId"], answer["status"], outputs, answer.get("error")
                )
            case _:
                state.answer = TimeIsUp(answer.get("waited", 0))

    def _retry_scheduled(self, data: Mapping[str, Any]) -> None:
        state, at = self.nodes[data["nodeId"]], data["at"]
        state.failures = state.failures + 1 if at is not None else 0
        state.retry_at = at if at is not None else NEVER
        state.wait = state.answer = None

    def _signal(self, data: Mapping[str, Any]) -> None:
        self.signals[data["signalId"]] = data

    def _signal_rejected(self, data: Mapping[str, Any]) -> None:
        self.signals.pop(data["signalId"], None)

    def _child_spawned(self, data: Mapping[str, Any]) -> None:
        self.spawned += 1
        self.open_children += 1

    def _child_ended(self, data: Mapping[str, Any]) -> None:
        self.open_children -= 1

    def _child_failed(self, data: Mapping[str, Any]) -> None:
        self._child_ended(data)
        if not data.get("awaited"):
            self.failed_child = self.failed_child or data

    def _resumed(self, data: Mapping[str, Any]) -> None:
        self.holds.resume(data)
        for state in self.nodes.values():
            if state.retry_at == NEVER:
                state.retry_at = 0

    def _stepped(self, data: Mapping[str, Any]) -> None:
        self.holds.step(data)
        state = self.nodes.get(data["nodeId"])
        if state is not None and state.retry_at == NEVER:
            state.retry_at = 0

    def _completed(self, data: Mapping[str, Any]) -> None:
        state = self._ended(data, EventType.NODE_COMPLETED)
        self._take(state, data)
        if SUCCESS in state.values:
            state.values[SUCCESS] = True
        self._close_streams(data["nodeId"], state, None)

    def _failed(self, data: Mapping[str, Any]) -> None:
        state = self._ended(data, EventType.NODE_FAILED)
        self._take(state, data)
        message = data["error"].message
        for port_id, value in ((SUCCESS, False), (ERROR, True), (ERROR_MESSAGE, message)):
            if port_id in state.values:
                state.values[port_id] = value
        self._close_streams(data["nodeId"], state, message)

    def _skipped(self, data: Mapping[str, Any]) -> None:
        state = self._ended(data, EventType.NODE_SKIPPED)
        self._close_streams(data["nodeId"], state, None)

    def _ended(self, data: Mapping[str, Any], outcome: EventType) -> NodeState:
        state = self.nodes[data["nodeId"]]
        state.outcome = outcome
        state.wait = state.answer = state.retry_at = None
        return state

    def _take(self, state: NodeState, data: Mapping[str, Any]) -> None:
        values = data.get("values")
        if values:
            state.values.update(values)
            state.version += len(values)

    def _close_streams(self, node_id: str, state: NodeState, error: str | None) -> None:
        for port_id in self.graph.streams_out[node_id]:
            channel: Channel = state.values[port_id]
            channel.close(error)
