"""The database, from async code: whole transactions in threads, one way for both dialects.

SQLite has one writer thread and takes the write lock when a transaction begins, so two
transactions never deadlock half-way; its readers do not wait for it (WAL).
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import sqlalchemy as sa
from psycopg.errors import ProgramLimitExceeded
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, InterfaceError, OperationalError

from chaingraph import metrics
from chaingraph.errors import BadInput, StoreUnavailable
from chaingraph.execution.boundary import reached

T = TypeVar("T")

READERS = 4
WRITERS = 4
#: What a PostgreSQL connection waits for, at most: nobody blocks the others for long.
TIMEOUTS = (
    "-c lock_timeout=2000 -c statement_timeout=30000 -c idle_in_transaction_session_timeout=2000"
)
#: How a PostgreSQL connection notices that the other end is gone without a word.
KEEPALIVE = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
#: A transaction that lost its connection is tried again after these pauses, in seconds.
PAUSES = (0.05, 0.2, 0.5)


def database_url(text: str) -> URL:
    """The URL with the driver this package uses. Raises BadInput when it is none of ours."""
    try:
        url = make_url(text)
        backend = url.drivername.partition("+")[0]
    except ArgumentError:
        raise BadInput(f"{text!r} is not a database URL") from None
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise BadInput(f"{backend} is not supported; use a postgresql:// or sqlite:/// URL")
    return url


def translated(call: Callable[[Database], T], database: Database) -> T:
    """Call with the database. Raises StoreUnavailable where the drivers raise their own errors."""
    try:
        return call(database)
    except DBAPIError as error:
        raise StoreUnavailable(f"The database cannot be used: {_reason(error)}") from error


def create_engine(url: URL) -> Engine:
    """An engine with the settings that durability needs."""
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(
            url,
            pool_size=READERS + WRITERS,
            connect_args={"options": TIMEOUTS, **KEEPALIVE},
        )
    engine = sa.create_engine(url, pool_size=READERS + 2, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, record: object) -> None:
        configure_sqlite(connection)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get("reads", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def configure_sqlite(connection: sqlite3.Connection) -> None:
    """WAL with a synced commit, and transactions begun by us alone."""
    connection.isolation_level = None
    for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


class Database:
    """Runs transactions off the event loop."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self.engine = create_engine(url)
        # Every statement of a PostgreSQL transaction sees what is committed by then: without one
        # a read sees the same, and its BEGIN and ROLLBACK are saved.
        autocommit = {"isolation_level": "AUTOCOMMIT"}
        self._read_options: dict[str, Any] = {"reads": True} if self.is_sqlite else autocommit
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="db-read")
        writers = 1 if self.is_sqlite else WRITERS
        self._writers = ThreadPoolExecutor(writers, thread_name_prefix="db-write")

    async def read(self, work: Callable[[Connection], T]) -> T:
        """The result of `work` in a read transaction. Raises StoreUnavailable."""
        return await self._in_thread(self._readers, self._read, work)

    async def write(self, name: str, work: Callable[[Connection], T]) -> T:
        """The result of `work` in one transaction, which must be safe to repeat.

        `name` names its durable boundaries. Raises StoreUnavailable, with nothing changed
        unless the answer to the commit was lost.
        """
        return await self._in_thread(self._writers, self._write, name, work)

    def insert_once(self, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
        """An insert that does nothing when there is such a row already."""
        if self.is_sqlite:
            return sqlite.insert(table).on_conflict_do_nothing()
        return postgresql.insert(table).on_conflict_do_nothing()

    async def in_writer(self, work: Callable[[], T]) -> T:
        """Run `work` where writes run; it minds its own transaction."""
        return await self._in_thread(self._writers, work)

    async def answers(self) -> None:
        """Return when the database answers. Raises StoreUnavailable."""
        await self.read(lambda connection: connection.execute(sa.select(1)).scalar_one())

    def close(self) -> None:
        self._readers.shutdown(wait=True)
        self._writers.shutdown(wait=True)
        self.engine.dispose()

    async def _in_thread(self, pool: ThreadPoolExecutor, call: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, call, *args)

    def _read(self, work: Callable[[Connection], T]) -> T:
        def once() -> T:
            with self.engine.connect().execution_options(**self._read_options) as connection:
                return work(connection)

        return patiently(once)

    def _write(self, name: str, work: Callable[[Connection], T]) -> T:
        def once() -> T:
            with self.engine.begin() as connection:
                result = work(connection)
                reached(f"{name}:before")
            reached(f"{name}:after")
            return result

        return patiently(once)


def patiently(once: Callable[[], T]) -> T:
    """Try again when the connection was lost, a bounded number of times.

    Raises StoreUnavailable, or BadInput when a value cannot be kept.
    """
    for pause in PAUSES:
        try:
            return _tried(once)
        except DBAPIError as error:
            if not is_transient(error):
                raise
        metrics.database_retries.inc()
        time.sleep(pause)
    try:
        return _tried(once)
    except DBAPIError as error:
        if not is_transient(error):
            raise
        raise StoreUnavailable(f"The database is not reachable: {_reason(error)}") from error


def _tried(once: Callable[[], T]) -> T:
    """Call it. Raises BadInput for what cannot be kept: a NUL in a jsonb column, half a character,
    or more than an index takes."""
    try:
        return once()
    except UnicodeEncodeError as error:
        raise BadInput(f"The database cannot keep this: {error}") from error
    except DBAPIError as error:
        # What is too much for an index is operational to the driver, as if it could pass.
        if isinstance(error, DataError) or isinstance(error.orig, ProgramLimitExceeded):
            raise BadInput(f"The database cannot keep this: {_reason(error)}") from error
        raise


def is_transient(error: DBAPIError) -> bool:
    """Whether trying again may help: a lost connection, a lock, a restart of the server."""
    return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)


def _reason(error: DBAPIError) -> str:
    """What the driver says, in one line."""
    return " ".join(str(error.orig).split())
