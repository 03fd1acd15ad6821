"""Executions that an execution begins: for events that a node emits, and for flows it calls.

A child comes to be in the commit that tells of it, and is queued by it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias
from uuid import uuid4

from chaingraph.engine.channel import Channel
from chaingraph.engine.control import LimitPassed
from chaingraph.engine.events import EventType
from chaingraph.engine.graph import Graph
from chaingraph.engine.state import FlowState
from chaingraph.engine.waits import Child
from chaingraph.execution.beginning import created
from chaingraph.execution.family import passed_on
from chaingraph.execution.intake import Prepared
from chaingraph.execution.ports import Journal, NewExecution
from chaingraph.execution.reading import read_events
from chaingraph.execution.records import Command, CommandKind, Stored
from chaingraph.flow.ids import new_execution_id
from chaingraph.flow.model import ERROR_MESSAGE, Node
from chaingraph.flow.ports import Direction

#: A stored flow by its id, with these inputs and ready to run, if it belongs to this owner.
LoadFlow: TypeAlias = Callable[[str, Mapping[str, Any], str], Awaitable[Prepared]]


@dataclass(frozen=True, slots=True)
class Limits:
    """How deep a tree of executions may be, and how many children one of them may have."""

    depth: int = 100
    children: int = 10_000


class Writes(Protocol):
    """The side of the recorder that children come from."""

    def spawn(self, child: NewExecution) -> None: ...


class Children:
    """Begins the children of one execution. Raises LimitPassed."""

    def __init__(
        self,
        stored: Stored,
        state: FlowState,
        flow_text: bytes,
        writes: Writes,
        record: Callable[[EventType, dict[str, Any]], None],
        load: LoadFlow,
        limits: Limits,
        clock: Callable[[], int],
    ) -> None:
        self._parent = stored.row
        self._snapshot = stored.dispatch.snapshot
        self._state = state
        self._flow_text = flow_text
        self._writes = writes
        self._record = record
        self._load = load
        self._limits = limits
        self._clock = clock

    def emit(self, node_id: str, events: Sequence[Mapping[str, Any]]) -> None:
        """A child for each event: the same flow, bound to that event."""
        for event in events:
            external = {"eventName": event["type"], "payload": event["data"]}
            self._spawn(
                node_id,
                {"eventName": event["type"], "eventId": event["id"]},
                flow_id=self._parent.flow_id,
                snapshot=self._snapshot,
                flow=self._flow_text,
                options=self._parent.options or {},
                external_events=[external],
            )

    async def call(self, node_id: str, wanted: Child) -> str:
        """A child that runs another flow of the same owner; its id."""
        self.check(1)
        prepared = await self._load(wanted.flow_id, wanted.inputs, self._parent.owner_id)
        limits = (self._parent.options or {}).get("execution")
        return self._spawn(
            node_id,
            {"flowId": wanted.flow_id},
            flow_id=wanted.flow_id,
            snapshot=prepared.hash,
            flow=prepared.json,
            options={"execution": limits} if limits else {},
            awaited=True,
        )

    def check(self, more: int) -> None:
        """Raises LimitPassed when there may not be so many more."""
        if self._parent.execution_depth + 1 > self._limits.depth:
            raise LimitPassed(
                f"Maximum execution depth exceeded: the limit is {self._limits.depth}"
            )
        if self._state.spawned + more > self._limits.children:
            raise LimitPassed(
                f"Too many child executions: {self._state.spawned + more}, "
                f"the limit is {self._limits.children}"
            )

    def _spawn(self, node_id: str, cause: Mapping[str, Any], **wanted: Any) -> str:
        child_id = new_execution_id()
        self._record(EventType.CHILD_SPAWNED, {"executionId": child_id, "nodeId": node_id, **cause})
        parent = self._parent
        self._writes.spawn(
            NewExecution(
                id=child_id,
                owner_id=parent.owner_id,
                created=created(
                    child_id, wanted["flow_id"], parent.owner_id, self._clock(), parent=parent
                ),
                root_execution_id=parent.root_execution_id,
                parent_execution_id=parent.id,
                depth=parent.execution_depth + 1,
                integration=_inherited(parent.integration),
                inbox=self._first_deliveries(),
                **wanted,
            )
        )
        return child_id

    def _first_deliveries(self) -> tuple[Command, ...]:
        """It starts at once; whoever paused the tree has paused it too."""
        start = Command(uuid4().hex, CommandKind.START, self._parent.owner_id, {})
        pausing = self._state.holds.pausing
        if pausing is None or not pausing.get("tree"):
            return (start,)
        data = {"reason": pausing["reason"], "tree": True, "now": False}
        pause = Command(pausing["commandId"], CommandKind.PAUSE, pausing["by"], data)
        return start, passed_on(pause)


async def result_of(
    journal: Journal, child: Stored, compiled: Callable[[str, bytes], Graph]
) -> dict[str, Any]:
    """What a completed execution has come to: its `outputs`, and as `error` the failures of
    nodes that its flow does not handle; None when there are none."""
    flow = await journal.flow_of(child.dispatch.snapshot)
    state = FlowState(compiled(child.dispatch.snapshot, flow))
    async for batch in read_events(journal, child, 0, child.dispatch.next_position):
        for event in batch:
            state.apply(event.type, event.data)
    return {"outputs": final_outputs(state), "error": "; ".join(_unhandled(state)) or None}


def _unhandled(state: FlowState) -> list[str]:
    """A sentence for each failed node whose error ports feed nothing."""
    caught = {edge.source for edge in state.graph.flow.edges if edge.id in state.graph.from_error}
    return [
        f"node {node_id} failed: {node.values.get(ERROR_MESSAGE) or 'no message'}"
        for node_id, node in state.nodes.items()
        if node.outcome is EventType.NODE_FAILED and node_id not in caught
    ]


def final_outputs(state: FlowState) -> dict[str, Any]:
    """The values of the completed nodes that feed no other node, by `node.port`."""
    edges = state.graph.flow.edges
    feeding = {edge.source for edge in edges if edge.id not in state.graph.from_error}
    outputs: dict[str, Any] = {}
    for node in state.graph.flow.nodes.values():
        current = state.nodes[node.id]
        if node.id not in feeding and current.outcome is EventType.NODE_COMPLETED:
            for port_id in _outputs(node):
                value = current.values.get(port_id)
                plain = list(value.items) if isinstance(value, Channel) else value
                outputs[f"{node.id}.{port_id}"] = plain
    return outputs


def _outputs(node: Node) -> list[str]:
    """The output ports of a node; of one without any, those that pass on what they got."""
    giving = [port for port in node.ports.values() if port.direction.gives_values]
    own = [port.id for port in giving if port.direction is Direction.OUTPUT]
    return own or [port.id for port in giving]


def _inherited(integration: Any) -> dict[str, Any]:
    """What a child gets of it: a message belongs to one execution only."""
    kept = dict(integration or {})
    if isinstance(kept.get("archai"), Mapping):
        kept["archai"] = {k: v for k, v in kept["archai"].items() if k != "messageID"}
    return kept
