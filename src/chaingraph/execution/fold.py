"""The columns of an execution's row that are a fold of its journal: `fold(journal) == row`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chaingraph.engine.events import Event, EventType
from chaingraph.execution.records import ExecutionRow, Status
from chaingraph.execution.times import maybe_from_ms


@dataclass(frozen=True, slots=True)
class Folded:
    """Times are ms since 1970."""

    status: Status = Status.CREATED
    started_at: int | None = None
    completed_at: int | None = None
    error_message: str | None = None
    error_node_id: str | None = None


def fold(events: Iterable[Event]) -> Folded:
    """The state columns after these events, given from position 0 on."""
    folded = Folded()
    for event in events:
        folded = after(folded, EventType(event.type), event.at, event.data)
    return folded


def after(folded: Folded, type_: EventType, at: int, data: Mapping[str, Any]) -> Folded:
    """The state columns after one more event. Most events change nothing."""
    match type_:
        case EventType.FLOW_STARTED:
            return replace(folded, status=Status.RUNNING, started_at=at)
        case EventType.FLOW_PAUSED:
            return replace(folded, status=Status.PAUSED)
        case EventType.FLOW_RESUMED:
            return replace(folded, status=Status.RUNNING)
        case EventType.FLOW_COMPLETED:
            return replace(folded, status=Status.COMPLETED, completed_at=at)
        case EventType.FLOW_FAILED:
            return replace(
                folded,
                status=Status.FAILED,
                completed_at=at,
                error_message=_column(data["error"].message),
                error_node_id=data.get("nodeId"),
            )
        case EventType.FLOW_CANCELLED:
            return replace(
                folded,
                status=Status.STOPPED,
                completed_at=at,
                error_message=_column(data["reason"]),
                error_node_id=data.get("nodeId"),
            )
        case _:
            return folded


def _column(text: str) -> str:
    """The text as a column can hold it: without NUL and halves of surrogate pairs."""
    return text.replace("\0", "?").encode("utf-8", "replace").decode()


def onto(row: ExecutionRow, folded: Folded) -> ExecutionRow:
    """The row with these state columns."""
    return replace(
        row,
        status=folded.status,
        started_at=maybe_from_ms(folded.started_at),
        completed_at=maybe_from_ms(folded.completed_at),
        error_message=folded.error_message,
        error_node_id=folded.error_node_id,
    )
