"""The records of an execution's life."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType

ExecutionId = NewType("ExecutionId", str)
WorkerId = NewType("WorkerId", str)


class Status(StrEnum):
    """What a user sees. Moves in one transaction with the event that means it."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def is_terminal(self) -> bool:
        return self in (Status.COMPLETED, Status.FAILED, Status.STOPPED)


class Disposition(StrEnum):
    """Who has to act next."""

    PARKED = "P"
    """Waits for a delivery; costs a row."""
    QUEUED = "Q"
    """Waits for a worker to claim segment `number`."""
    LEASED = "L"
    """A worker holds it under `number`."""
    DONE = "D"
    """Ended, for ever."""


@dataclass(frozen=True, slots=True)
class ExecutionRow:
    """An execution as its users see it. Times are aware and in UTC."""

    id: str
    flow_id: str
    owner_id: str
    root_execution_id: str
    parent_execution_id: str | None
    status: Status
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    error_message: str | None
    error_node_id: str | None
    execution_depth: int
    options: Mapping[str, Any] | None
    integration: Mapping[str, Any] | None
    external_events: list[Any] | None
    failure_count: int
    last_failure_reason: str | None
    last_failure_at: datetime | None
    processing_started_at: datetime | None
    processing_worker_id: str | None
    #: the execution whose finished nodes this one began with
    forked_from: str | None = None


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Who acts next on an execution: the columns outside the fold."""

    disposition: Disposition
    #: segment number and lease epoch in one: whoever holds it under an older number is fenced
    number: int
    holder: str | None
    next_position: int
    #: how many deliveries the inbox has seen, and how many of them the journal has applied
    inbox_seq: int
    inbox_cursor: int
    snapshot: str
    #: children that have not told of their end yet
    open_children: int = 0
    #: when it is to go on, in ms since 1970, if nothing else wakes it; only while it is parked
    wake_at: int | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """One row of the executions table."""

    row: ExecutionRow
    dispatch: Dispatch


class CommandKind(StrEnum):
    START = "start"
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"
    STEP = "step"
    SIGNAL = "signal"
    BREAKPOINTS = "breakpoints"
    CHILD = "child"
    """A child has ended. Its id is the command's id."""


@dataclass(frozen=True, slots=True)
class Command:
    """A delivery to an execution's inbox. The same `id` twice is one delivery."""

    id: str
    kind: CommandKind
    caller: str
    data: Mapping[str, Any]
    #: its number in the inbox, from 1, and when it came, in ms; 0 before it is delivered
    seq: int = 0
    at: int = 0


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to append to an execution until somebody takes a higher number."""

    execution_id: str
    number: int
    worker_id: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One journal row: an event in compact form, encoded once. `at` is ms since 1970."""

    position: int
    type: str
    at: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Blob:
    """A large value, kept beside the journal under its content hash."""

    hash: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Segment:
    """A queued burst of work: what a dispatcher hands to a worker."""

    execution_id: str
    number: int

    @property
    def workflow_id(self) -> str:
        """Its id in the queue: `{execution}` for the first, `{execution}.{n}` after."""
        return self.execution_id if self.number == 1 else f"{self.execution_id}.{self.number}"

    @classmethod
    def of_workflow(cls, workflow_id: str) -> Segment:
        """The segment with this id in the queue."""
        execution_id, _, number = workflow_id.partition(".")
        return cls(execution_id, int(number or 1))


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """One process start of a worker. `beat` counts its heartbeats."""

    id: str
    host: str
    pid: int
    started_at: float
    beat: int
    alive: bool
