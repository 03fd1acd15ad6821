"""Rows of the executions table as records, and back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.engine import Row

from chaingraph.execution.fold import Folded
from chaingraph.execution.records import (
    Command,
    CommandKind,
    Dispatch,
    Disposition,
    Entry,
    ExecutionRow,
    Status,
    Stored,
)
from chaingraph.execution.times import from_ms


def naive(at: int | None) -> datetime | None:
    """Milliseconds as the tables keep times: UTC without a zone."""
    return None if at is None else from_ms(at).replace(tzinfo=None)


def aware(at: datetime | None) -> datetime | None:
    """A stored time with its zone, to the millisecond: more is lost on the wire anyway."""
    if at is None:
        return None
    return at.replace(microsecond=at.microsecond // 1000 * 1000, tzinfo=UTC)


def stored(row: Row[Any]) -> Stored:
    """The records of one row of the executions table."""
    created_at, updated_at = aware(row.created_at), aware(row.updated_at)
    assert created_at is not None and updated_at is not None
    return Stored(
        ExecutionRow(
            id=row.id,
            flow_id=row.flow_id,
            owner_id=row.owner_id,
            root_execution_id=row.root_execution_id,
            parent_execution_id=row.parent_execution_id,
            status=Status(row.status),
            created_at=created_at,
            updated_at=updated_at,
            started_at=aware(row.started_at),
            completed_at=aware(row.completed_at),
            error_message=row.error_message,
            error_node_id=row.error_node_id,
            execution_depth=row.execution_depth,
            options=row.options,
            integration=row.integration,
            external_events=row.external_events,
            failure_count=row.failure_count,
            last_failure_reason=row.last_failure_reason,
            last_failure_at=aware(row.last_failure_at),
            processing_started_at=aware(row.processing_started_at),
            processing_worker_id=row.processing_worker_id,
            forked_from=row.forked_from,
        ),
        Dispatch(
            disposition=Disposition(row.disp),
            number=row.num,
            holder=row.holder,
            next_position=row.next_pos,
            inbox_seq=row.inbox_seq,
            inbox_cursor=row.inbox_cur,
            snapshot=row.flow_snapshot or "",
            open_children=row.open_children or 0,  # none in the first archives
            wake_at=row.wake_at,
        ),
    )


def folded_of(row: ExecutionRow) -> Folded:
    """The state columns of a row."""
    return Folded(
        status=row.status,
        started_at=_ms(row.started_at),
        completed_at=_ms(row.completed_at),
        error_message=row.error_message,
        error_node_id=row.error_node_id,
    )


def folded_columns(folded: Folded) -> dict[str, Any]:
    """The state columns as the table keeps them."""
    return {
        "status": folded.status.value,
        "started_at": naive(folded.started_at),
        "completed_at": naive(folded.completed_at),
        "error_message": folded.error_message,
        "error_node_id": folded.error_node_id,
    }


def entry_row(execution_id: str, entry: Entry) -> dict[str, Any]:
    """A row of the journal."""
    return {
        "execution_id": execution_id,
        "position": entry.position,
        "type": entry.type,
        "at": entry.at,
        "data": entry.data,
    }


def delivery_row(execution_id: str, command: Command) -> dict[str, Any]:
    """A row of the inbox, for a command that has its number and its time."""
    return {
        "execution_id": execution_id,
        "seq": command.seq,
        "command_id": command.id,
        "kind": command.kind.value,
        "caller": command.caller,
        "data": dict(command.data),
        "at": command.at,
    }


def delivery_of(row: Row[Any]) -> Command:
    """The command of a row of the inbox."""
    kind = CommandKind(row.kind)
    return Command(row.command_id, kind, row.caller, row.data, row.seq, row.at)


def command_columns(command: Command) -> dict[str, Any]:
    """A command as the column `cascade` keeps it."""
    kind, data = command.kind.value, dict(command.data)
    return {"id": command.id, "kind": kind, "caller": command.caller, "data": data}


def command_of(columns: dict[str, Any]) -> Command:
    kind = CommandKind(columns["kind"])
    return Command(columns["id"], kind, columns["caller"], columns["data"])


def _ms(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)
