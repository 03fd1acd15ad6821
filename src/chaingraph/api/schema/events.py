"""The data of events by their types, in both forms, as plain clients get them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import Field

from chaingraph.api.inputs import Breakpoints, Maybe
from chaingraph.api.schema.parts import (
    Answer,
    Data,
    Edge,
    Emitted,
    Failure,
    LargeValue,
    Node,
    NodeWaitingForChild,
    NodeWaitingForRetry,
    NodeWaitingForSignal,
    OfNode,
    Origin,
    SleepingNode,
    Values,
    Wait,
)
from chaingraph.engine.events import EventType


class _OfWholeNode(Data):
    node: Node


class _OfFlow(Data):
    flow_metadata: dict[str, Any]


class _Asked(Data):
    by: str
    command_id: str


class CompactExecutionCreated(Data):
    execution_id: str
    flow_id: str
    owner_id: str
    root_execution_id: str
    parent_execution_id: str | None
    execution_depth: int
    forked_from: Maybe[Origin] = None


class ExecutionCreated(_OfFlow, CompactExecutionCreated): ...


class CompactFlowStarted(Data): ...


class FlowStarted(_OfFlow): ...


class CompactFlowCompleted(Data):
    execution_time: int


class FlowCompleted(_OfFlow, CompactFlowCompleted): ...


class CompactFlowFailed(Data):
    error: Failure
    execution_time: int
    node_id: Maybe[str] = None


class FlowFailed(_OfFlow, CompactFlowFailed): ...


class CompactFlowCancelled(Data):
    reason: str
    execution_time: int


class FlowCancelled(_OfFlow, CompactFlowCancelled): ...


class CompactFlowPaused(Data):
    """A command paused the flow, or else what happened at a node."""

    reason: str | None
    by: str
    command_id: Maybe[str] = None
    tree: Maybe[Literal[True]] = None
    node_id: Maybe[str] = None


class FlowPaused(_OfFlow, CompactFlowPaused): ...


class CompactFlowResumed(_Asked):
    tree: Maybe[Literal[True]] = None


class FlowResumed(_OfFlow, CompactFlowResumed): ...


class FlowParked(Data):
    waits: list[SleepingNode | NodeWaitingForSignal | NodeWaitingForChild | NodeWaitingForRetry]
    more: Maybe[int] = None
    children: int
    paused: bool
    wake_at: int | None
    handed_over: Maybe[Literal[True]] = None


class FlowSnapshot(Data):
    execution_id: str
    flow: dict[str, Any]


class NodeStatusChanged(OfNode):
    old_status: str
    new_status: str


class _Attempt(Data):
    attempt: Maybe[int] = None


class CompactNodeStarted(_Attempt, OfNode): ...


class NodeStarted(_Attempt, _OfWholeNode): ...


class _Changes(OfNode):
    """What has changed: port id -> value."""

    values: Values
    large: Maybe[dict[str, LargeValue]] = None


class CompactNodeCompleted(_Changes):
    emitted: Maybe[list[Emitted]] = None
    execution_time: int


class NodeCompleted(_OfWholeNode):
    execution_time: int


class _Failed(Data):
    error: Failure
    execution_time: int


class CompactNodeFailed(_Failed, _Changes): ...


class NodeFailed(_Failed, _OfWholeNode): ...


class NodeSkipped(OfNode):
    reason: str


class NodeLogged(OfNode):
    log: str


class NodeStreamChunk(OfNode):
    port_id: str
    attempt: int
    start: int = Field(alias="from")
    items: list[Any]


class NodePortResolved(OfNode):
    port_id: str
    value: Any = None


class NodeWaiting(OfNode):
    wait: Wait


class NodeAnswered(OfNode):
    answer: Answer


class NodeRetryScheduled(OfNode):
    attempt: int
    error: Failure
    at: int | None


class _Transferred(Data):
    transfer_time: int


class _NotTransferred(Data):
    error: Failure


class _OfEdge(Data):
    edge_id: str


class _OfWholeEdge(Data):
    serialized_edge: Edge


class CompactTransferCompleted(_Transferred, _OfEdge): ...


class TransferCompleted(_Transferred, _OfWholeEdge): ...


class CompactTransferFailed(_NotTransferred, _OfEdge): ...


class TransferFailed(_NotTransferred, _OfWholeEdge): ...


class SignalReceived(Data):
    signal_id: str
    name: str
    value: Any
    by: str
    role: str | None
    aliases: Maybe[list[str]] = None


class SignalRejected(OfNode):
    signal_id: str
    name: str
    reason: str


class ChildSpawned(OfNode):
    execution_id: str
    event_name: Maybe[str] = None
    event_id: Maybe[str] = None
    flow_id: Maybe[str] = None


class _ChildTold(Data):
    execution_id: str
    awaited: Maybe[Literal[True]] = None


class ChildCompleted(_ChildTold):
    status: Literal["completed"]


class ChildFailed(_ChildTold):
    status: Literal["failed", "stopped"]
    error: Maybe[str] = None


class BreakpointsSet(_Asked):
    breakpoints: Breakpoints


class _Hit(Data):
    values: Values
    edge_id: Maybe[str] = None
    problem: Maybe[str] = None


class CompactBreakpointHit(_Hit, OfNode): ...


class BreakpointHit(_Hit, _OfWholeNode): ...


class Stepped(Data):
    """A step that found no node yet is `owed` to the next."""

    node_id: str | None
    by: Maybe[str] = None
    command_id: Maybe[str] = None
    owed: Maybe[Literal[True]] = None


FULL: Final[Mapping[str, type[Data]]] = {
    EventType.EXECUTION_CREATED: ExecutionCreated,
    EventType.FLOW_STARTED: FlowStarted,
    EventType.FLOW_COMPLETED: FlowCompleted,
    EventType.FLOW_FAILED: FlowFailed,
    EventType.FLOW_CANCELLED: FlowCancelled,
    EventType.FLOW_PAUSED: FlowPaused,
    EventType.FLOW_RESUMED: FlowResumed,
    EventType.FLOW_PARKED: FlowParked,
    EventType.NODE_STATUS_CHANGED: NodeStatusChanged,
    EventType.NODE_STARTED: NodeStarted,
    EventType.NODE_COMPLETED: NodeCompleted,
    EventType.NODE_FAILED: NodeFailed,
    EventType.NODE_SKIPPED: NodeSkipped,
    EventType.NODE_DEBUG_LOG: NodeLogged,
    EventType.NODE_STREAM_CHUNK: NodeStreamChunk,
    EventType.NODE_PORT_RESOLVED: NodePortResolved,
    EventType.NODE_WAITING: NodeWaiting,
    EventType.NODE_ANSWERED: NodeAnswered,
    EventType.NODE_RETRY_SCHEDULED: NodeRetryScheduled,
    EventType.EDGE_TRANSFER_COMPLETED: TransferCompleted,
    EventType.EDGE_TRANSFER_FAILED: TransferFailed,
    EventType.SIGNAL_RECEIVED: SignalReceived,
    EventType.SIGNAL_REJECTED: SignalRejected,
    EventType.CHILD_SPAWNED: ChildSpawned,
    EventType.CHILD_COMPLETED: ChildCompleted,
    EventType.CHILD_FAILED: ChildFailed,
    EventType.BREAKPOINTS_SET: BreakpointsSet,
    EventType.BREAKPOINT_HIT: BreakpointHit,
    EventType.STEPPED: Stepped,
}
COMPACT: Final[Mapping[str, type[Data]]] = {
    **FULL,
    EventType.EXECUTION_CREATED: CompactExecutionCreated,
    EventType.FLOW_STARTED: CompactFlowStarted,
    EventType.FLOW_COMPLETED: CompactFlowCompleted,
    EventType.FLOW_FAILED: CompactFlowFailed,
    EventType.FLOW_CANCELLED: CompactFlowCancelled,
    EventType.FLOW_PAUSED: CompactFlowPaused,
    EventType.FLOW_RESUMED: CompactFlowResumed,
    EventType.NODE_STARTED: CompactNodeStarted,
    EventType.NODE_COMPLETED: CompactNodeCompleted,
    EventType.NODE_FAILED: CompactNodeFailed,
    EventType.EDGE_TRANSFER_COMPLETED: CompactTransferCompleted,
    EventType.EDGE_TRANSFER_FAILED: CompactTransferFailed,
    EventType.BREAKPOINT_HIT: CompactBreakpointHit,
    "flow:snapshot": FlowSnapshot,
}
