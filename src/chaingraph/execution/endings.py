"""Terminal events that are appended without a holder, by whoever ends an execution."""

from __future__ import annotations

from chaingraph.engine.events import EventType
from chaingraph.execution.commands import DEFAULT_STOP_REASON
from chaingraph.execution.fold import Folded, after
from chaingraph.execution.records import Command, Entry
from chaingraph.superjson import JsError, dumps


def cancelled(position: int, at: int, stop: Command, folded: Folded) -> tuple[Entry, Folded]:
    """`flow:cancelled`, for a stop that meets an execution nobody holds."""
    reason = str(stop.data.get("reason") or DEFAULT_STOP_REASON)
    data = {"reason": reason, "executionTime": _elapsed(folded, at)}
    return _entry(EventType.FLOW_CANCELLED, position, at, data, folded)


def poisoned(position: int, at: int, failures: int, folded: Folded) -> tuple[Entry, Folded]:
    """`flow:failed`, for an execution whose segments are lost again and again."""
    message = (
        f"Exceeded maximum failure count ({failures}): its worker was lost that often "
        "without any progress in between"
    )
    data = {"error": JsError("Error", message), "executionTime": _elapsed(folded, at)}
    return _entry(EventType.FLOW_FAILED, position, at, data, folded)


def _entry(
    type_: EventType, position: int, at: int, data: dict[str, object], folded: Folded
) -> tuple[Entry, Folded]:
    return Entry(position, type_.value, at, dumps(data)), after(folded, type_, at, data)


def _elapsed(folded: Folded, at: int) -> int:
    return 0 if folded.started_at is None else max(0, at - folded.started_at)
