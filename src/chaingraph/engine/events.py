"""The events of an execution, in their compact form: what the journal keeps.

The compact form says what happened by id; together with the flow snapshot it gives back the full
form that clients of the original know (`execution.view`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class EventType(StrEnum):
    EXECUTION_CREATED = "execution:created"
    FLOW_STARTED = "flow:started"
    FLOW_COMPLETED = "flow:completed"
    FLOW_FAILED = "flow:failed"
    FLOW_CANCELLED = "flow:cancelled"
    FLOW_PAUSED = "flow:paused"
    FLOW_RESUMED = "flow:resumed"
    FLOW_PARKED = "flow:parked"
    NODE_STARTED = "node:started"
    NODE_COMPLETED = "node:completed"
    NODE_FAILED = "node:failed"
    NODE_SKIPPED = "node:skipped"
    NODE_STATUS_CHANGED = "node:status-changed"
    NODE_DEBUG_LOG = "node:debug-log-string"
    NODE_WAITING = "node:waiting"
    NODE_ANSWERED = "node:answered"
    NODE_RETRY_SCHEDULED = "node:retry-scheduled"
    NODE_STREAM_CHUNK = "node:stream-chunk"
    NODE_PORT_RESOLVED = "node:port-resolved"
    EDGE_TRANSFER_COMPLETED = "edge:transfer-completed"
    EDGE_TRANSFER_FAILED = "edge:transfer-failed"
    SIGNAL_RECEIVED = "signal:received"
    SIGNAL_REJECTED = "signal:rejected"
    CHILD_SPAWNED = "child:spawned"
    CHILD_COMPLETED = "child:completed"
    CHILD_FAILED = "child:failed"
    BREAKPOINTS_SET = "debug:breakpoints-set"
    BREAKPOINT_HIT = "debug:breakpoint-hit"
    STEPPED = "debug:stepped"


TERMINAL = frozenset((EventType.FLOW_COMPLETED, EventType.FLOW_FAILED, EventType.FLOW_CANCELLED))


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a journal. `at` is milliseconds since 1970, UTC."""

    position: int
    type: EventType
    at: int
    data: Mapping[str, Any]

    @property
    def index(self) -> int:
        """The event's own number on the wire: EXECUTION_CREATED carries -1."""
        return self.position - 1

    @property
    def is_last(self) -> bool:
        return self.type in TERMINAL
