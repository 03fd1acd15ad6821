"""Group commit: the appends of all executions of this process, a transaction at a time.

While one transaction is on its way, the next group gathers. One member that is refused, or that
breaks the statement, costs the others nothing: it is tried again alone, on a connection where
only such members wait. Large appends go there too.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Sequence

import psycopg

from chaingraph import metrics
from chaingraph.durable.append_postgres import append_postgres
from chaingraph.durable.append_sqlite import append_sqlite
from chaingraph.durable.database import TIMEOUTS, Database, configure_sqlite
from chaingraph.errors import StoreUnavailable
from chaingraph.execution.ports import Append

log = logging.getLogger(__name__)

#: An append with more bytes than this goes alone, so that it delays nobody.
ALONE_BYTES = 256 * 1024
#: How long an append is tried again when the database is away, in seconds.
PATIENCE = 30.0
PAUSE = 0.2

Asked = tuple[Append, asyncio.Future[bool]]


class GroupWriter:
    """Commits appends in groups. `run` must run beside it."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._groups = _Lane(database, clock, waits=False)
        self._alone = _Lane(database, clock, waits=True)

    async def append(self, append: Append) -> bool:
        """Whether the append was accepted. Raises StoreUnavailable; asking again is safe."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        lane = self._alone if append.size > ALONE_BYTES else self._groups
        lane.add((append, future))
        return await future

    async def run(self) -> None:
        """Commit for ever."""
        async with asyncio.TaskGroup() as lanes:
            lanes.create_task(self._commit_groups())
            lanes.create_task(self._commit_alone())

    async def _commit_groups(self) -> None:
        while True:
            group = await self._groups.gathered()
            try:
                accepted = await self._groups.patiently([append for append, _ in group])
            except Exception as error:
                self._fell_apart(group, error)
            else:
                self._settle(group, accepted)

    def _settle(self, group: list[Asked], accepted: set[str]) -> None:
        """Who was refused may just have been locked by somebody else."""
        for append, future in group:
            if append.batch_id not in accepted:
                self._alone.add((append, future))
            elif not future.done():
                future.set_result(True)

    def _fell_apart(self, group: list[Asked], error: Exception) -> None:
        """The group failed: try each alone, so that only the guilty one fails."""
        if isinstance(error, StoreUnavailable):
            _refuse(group, error)
        else:
            for member in group:
                self._alone.add(member)

    async def _commit_alone(self) -> None:
        while True:
            for append, future in await self._alone.gathered():
                try:
                    accepted = await self._alone.patiently([append])
                except Exception as error:
                    _refuse([(append, future)], error)
                else:
                    if not future.done():
                        future.set_result(append.batch_id in accepted)

    async def close(self) -> None:
        await self._groups.close()
        await self._alone.close()


class _Lane:
    """A connection of its own, and the appends that wait for it.

    With `waits` an append waits for a row that somebody else has locked, else it is refused.
    """

    def __init__(self, database: Database, clock: Callable[[], int], *, waits: bool) -> None:
        self._database = database
        self._clock = clock
        self._waits = waits
        self._pending: list[Asked] = []
        self._news = asyncio.Event()
        self._connection: sqlite3.Connection | psycopg.Connection[tuple[object, ...]] | None = None

    def add(self, asked: Asked) -> None:
        self._pending.append(asked)
        self._news.set()

    async def gathered(self) -> list[Asked]:
        """All that came since the last call, at least one."""
        while True:
            await self._news.wait()
            self._news.clear()
            pending, self._pending = self._pending, []
            if wanted := [each for each in pending if not each[1].done()]:
                return wanted

    async def patiently(self, members: Sequence[Append]) -> set[str]:
        """Commit them in one transaction; while the database is away, try again for some time.

        When the answer to a commit was lost the second try is refused: the journal sees that
        the batch is there.
        """
        began = time.monotonic()
        while True:
            try:
                accepted = await self._database.in_writer(lambda: self._write(members))
            except (sqlite3.OperationalError, psycopg.OperationalError) as error:
                log.warning("append failed, trying again: %s", error)
                if time.monotonic() > began + PATIENCE:
                    raise StoreUnavailable(f"The database is not reachable: {error}") from error
            else:
                _count(members, accepted, time.monotonic() - began)
                if self._waits:  # without waiting a refusal is not the last word
                    metrics.journal_refused.inc(len(members) - len(accepted))
                return accepted
            await asyncio.sleep(PAUSE)

    def _write(self, members: Sequence[Append]) -> set[str]:
        """In the writer thread: one transaction, on a connection kept for this alone."""
        connection = self._connection or self._connect()
        try:
            if isinstance(connection, sqlite3.Connection):
                return append_sqlite(connection, members, self._clock())
            return append_postgres(connection, members, self._clock(), waits=self._waits)
        except (sqlite3.Error, psycopg.Error):
            self._connection = None
            connection.close()
            raise

    def _connect(self) -> sqlite3.Connection | psycopg.Connection[tuple[object, ...]]:
        url = self._database.url
        if self._database.is_sqlite:
            connection = sqlite3.connect(str(url.database), timeout=30, check_same_thread=False)
            configure_sqlite(connection)
            self._connection = connection
        else:
            text = url.set(drivername="postgresql").render_as_string(hide_password=False)
            self._connection = psycopg.connect(
                text, autocommit=True, connect_timeout=5, options=TIMEOUTS
            )
        return self._connection

    async def close(self) -> None:
        if self._connection is not None:
            await self._database.in_writer(self._connection.close)


def _refuse(group: Sequence[Asked], error: Exception) -> None:
    log.warning("append failed: %s", error)
    for _, future in group:
        if not future.done():
            future.set_exception(StoreUnavailable(f"The database refused an append: {error}"))


def _count(members: Sequence[Append], accepted: set[str], seconds: float) -> None:
    metrics.journal_append_seconds.observe(seconds)
    metrics.journal_group_size.observe(len(members))
    metrics.journal_appends.inc(len(accepted))
    metrics.journal_entries.inc(sum(len(e.entries) for e in members if e.batch_id in accepted))
