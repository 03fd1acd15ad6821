"""How many executions there are, for those who watch: one query, at most every few seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import sqlalchemy as sa

from chaingraph.durable import tables as t
from chaingraph.durable.database import Database
from chaingraph.execution.records import Disposition
from chaingraph.metrics import Census

#: Scrapes within so many seconds get the same answer.
KEPT_SECONDS = 5.0


def census(
    database: Database, monotonic: Callable[[], float] = time.monotonic
) -> Callable[[], Census]:
    """A function that counts the executions by status and disposition, from any thread."""
    e = t.executions.c
    query = sa.select(e.status, e.disp, sa.func.count().label("number")).group_by(e.status, e.disp)
    lock = threading.Lock()
    counted: Census = {}
    counted_at = float("-inf")

    def count() -> Census:
        nonlocal counted, counted_at
        with lock:
            if monotonic() - counted_at >= KEPT_SECONDS:
                with database.engine.connect().execution_options(reads=True) as connection:
                    rows = connection.execute(query).all()
                counted = {(row.status, _word(row.disp)): row.number for row in rows}
                counted_at = monotonic()
            return counted

    return count


def _word(disposition: str) -> str:
    return Disposition(disposition).name.lower()
