"""New executions: their rows, event 0, what they take over, and what is in their inboxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from chaingraph.durable import snapshots
from chaingraph.durable import tables as t
from chaingraph.durable.database import Database
from chaingraph.durable.dispatch import Dispatcher
from chaingraph.durable.rows import delivery_row, entry_row, naive
from chaingraph.execution.blob_references import blob_hashes
from chaingraph.execution.ports import NewExecution
from chaingraph.execution.records import Segment


def spawn(
    database: Database,
    dispatcher: Dispatcher,
    connection: Connection,
    news: Sequence[NewExecution],
    at: int,
) -> None:
    """Make all of these, whose ids nobody has used."""
    if news:
        connection.execute(sa.insert(t.executions), [execution_row(new, at) for new in news])
        furnish(database, dispatcher, connection, news, at)


def furnish(
    database: Database,
    dispatcher: Dispatcher,
    connection: Connection,
    news: Sequence[NewExecution],
    at: int,
) -> None:
    """All that belongs to executions whose rows are there."""
    for snapshot, flow in sorted({new.snapshot: new.flow for new in news}.items()):
        snapshots.keep(database, connection, snapshot, flow)
    entries = [entry_row(new.id, e) for new in news for e in (new.created, *new.taken_over)]
    connection.execute(sa.insert(t.journal), entries)
    deliveries = [row for new in news for row in _inbox(new, at)]
    if deliveries:
        connection.execute(sa.insert(t.inbox), deliveries)
    for new in news:
        if new.blobs_of is not None:
            _copy_blobs(database, connection, new, new.blobs_of)
    for new in news:
        if new.is_started:
            dispatcher.enqueue(connection, Segment(new.id, 1))


def execution_row(new: NewExecution, at: int) -> dict[str, Any]:
    """The row; a start in its inbox has queued it."""
    created_at = naive(new.created.at)
    return {
        "id": new.id,
        "flow_id": new.flow_id,
        "owner_id": new.owner_id,
        "root_execution_id": new.root_execution_id,
        "parent_execution_id": new.parent_execution_id,
        "status": "created",
        "created_at": created_at,
        "updated_at": created_at,
        "execution_depth": new.depth,
        "options": dict(new.options),
        "integration": dict(new.integration),
        "external_events": list(new.external_events),
        "flow_snapshot": new.snapshot,
        "disp": "Q" if new.is_started else "P",
        "num": 1 if new.is_started else 0,
        "queued_at": at if new.is_started else None,
        "next_pos": 1 + len(new.taken_over),
        "inbox_seq": len(new.inbox),
        "create_key": new.key,
        "create_hash": new.input_hash,
        "awaited": new.awaited,
        "forked_from": new.forked_from,
    }


def _inbox(new: NewExecution, at: int) -> list[dict[str, Any]]:
    return [
        delivery_row(new.id, replace(command, seq=seq, at=at))
        for seq, command in enumerate(new.inbox, 1)
    ]


def _copy_blobs(database: Database, connection: Connection, new: NewExecution, root: str) -> None:
    """The large values that the entries refer to, out of another tree."""
    hashes = {found for entry in new.taken_over for found in blob_hashes(entry)}
    if not hashes:
        return
    b = t.blobs.c
    mine = sa.select(sa.literal(new.root_execution_id), b.hash, b.data)
    theirs = mine.where(b.root_execution_id == root, b.hash.in_(sorted(hashes)))
    columns = ["root_execution_id", "hash", "data"]
    connection.execute(database.insert_once(t.blobs).from_select(columns, theirs))
