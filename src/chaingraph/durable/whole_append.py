"""Appends that do more than move on: park, make children, leave a command to them.

They are rare and go alone, each in one transaction under the same fence as the appends in groups.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from chaingraph import metrics
from chaingraph.durable import tables as t
from chaingraph.durable.creation import spawn
from chaingraph.durable.database import Database
from chaingraph.durable.dispatch import Dispatcher
from chaingraph.durable.rows import command_columns, entry_row, folded_columns, naive
from chaingraph.durable.writer import PATIENCE, PAUSE
from chaingraph.errors import StoreUnavailable
from chaingraph.execution.ports import Append

log = logging.getLogger(__name__)


class WholeAppends:
    """Commits appends with children, a park or a cascade."""

    def __init__(
        self, database: Database, dispatcher: Dispatcher, clock: Callable[[], int]
    ) -> None:
        self._database = database
        self._dispatcher = dispatcher
        self._clock = clock

    async def append(self, append: Append) -> bool:
        """Whether the append was accepted. Raises StoreUnavailable; asking again is safe.

        While the database is away it is tried again for some time.
        """
        began = time.monotonic()
        while True:
            try:
                accepted = await self._database.write("append", partial(self._append, append))
            except StoreUnavailable as error:
                log.warning("append failed, trying again: %s", error)
                if time.monotonic() > began + PATIENCE:
                    raise
            else:
                _count(append, accepted, time.monotonic() - began)
                return accepted
            await asyncio.sleep(PAUSE)

    def _append(self, append: Append, connection: Connection) -> bool:
        at = self._clock()
        if not connection.execute(_update(append, at)).rowcount:
            return False
        execution_id, root_id = append.lease.execution_id, append.root_execution_id
        entries = [entry_row(execution_id, each) for each in append.entries]
        if entries:
            connection.execute(sa.insert(t.journal), entries)
        for blob in append.blobs:
            row = {"root_execution_id": root_id, "hash": blob.hash, "data": blob.data}
            connection.execute(self._database.insert_once(t.blobs), row)
        spawn(self._database, self._dispatcher, connection, append.children, at)
        return True


def _update(append: Append, at: int) -> sa.Update:
    """The compare-and-set on lease and position, and for an end or a park on the inbox."""
    e, lease = t.executions.c, append.lease
    fence = [
        e.id == lease.execution_id,
        e.num == lease.number,
        e.holder == lease.worker_id,
        e.disp == "L",
        e.next_pos == append.expected,
    ]
    if append.ends or append.parks:
        fence.append(e.inbox_seq == append.seen)
    return sa.update(t.executions).where(*fence).values(**_moved(append, at))


def _moved(append: Append, at: int) -> dict[str, Any]:
    values: dict[str, Any] = {
        "next_pos": append.expected + len(append.entries),
        "inbox_cur": append.cursor,
        "last_batch": append.batch_id,
        "updated_at": naive(at),
    }
    if append.progress:
        values["failure_count"] = 0
    if append.folded is not None:
        values |= folded_columns(append.folded)
    if append.children:
        values["open_children"] = t.executions.c.open_children + len(append.children)
    if append.cascade is not None:
        values["cascade"] = command_columns(append.cascade)
    if append.ends:
        values |= _ended()
    elif append.parks:
        values |= {"disp": "P", "holder": None, "wake_at": append.wake_at}
    return values


def _ended() -> dict[str, Any]:
    e = t.executions.c
    told = e.parent_execution_id.is_(None)
    return {"disp": "D", "num": e.num + 1, "holder": None, "parent_told": told}


def _count(append: Append, accepted: bool, seconds: float) -> None:
    metrics.journal_append_seconds.observe(seconds)
    metrics.journal_group_size.observe(1)
    metrics.journal_appends.inc(accepted)
    metrics.journal_refused.inc(not accepted)
    metrics.journal_entries.inc(len(append.entries) if accepted else 0)
