"""What a server tells of executions. Times are aware and in UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

#: The types of event of which exactly one is the last.
TERMINAL: Final = frozenset(("flow:completed", "flow:failed", "flow:cancelled"))


class Status(StrEnum):
    """Where an execution stands."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def is_terminal(self) -> bool:
        return self in (Status.COMPLETED, Status.FAILED, Status.STOPPED)


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution as it stood when the server was asked."""

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
    external_events: Sequence[Any] | None
    failure_count: int
    last_failure_reason: str | None
    last_failure_at: datetime | None
    processing_started_at: datetime | None
    processing_worker_id: str | None
    forked_from: str | None


@dataclass(frozen=True, slots=True)
class TreeNode:
    """An execution of a tree, `level` steps below the one that was asked for."""

    id: str
    parent_id: str | None
    level: int
    execution: Execution


@dataclass(frozen=True, slots=True)
class Root:
    """A root execution, the depth of its tree and the number of its descendants."""

    execution: Execution
    levels: int
    total_nested: int


@dataclass(frozen=True, slots=True)
class Share:
    """A right to watch one execution. Its token is told once, when it is made."""

    id: str
    name: str
    created_at: datetime
    expires_at: datetime | None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One event of an execution, in the form that was asked for.

    `flow:snapshot`, which opens a compact view and is in no journal, has position -1 and no index.
    """

    position: int
    index: int | None
    type: str
    timestamp: datetime
    data: Mapping[str, Any]

    @property
    def is_last(self) -> bool:
        return self.type in TERMINAL


@dataclass(frozen=True, slots=True)
class TreeEvent:
    """An event, and whose it is."""

    execution_id: str
    event: Event


@dataclass(frozen=True, slots=True)
class TreeBatch:
    """Some events of a tree, and the cursor that goes on after all of them."""

    cursor: str
    events: tuple[TreeEvent, ...]
