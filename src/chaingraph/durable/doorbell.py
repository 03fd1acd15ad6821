"""The bell between processes. It says who has news, never the news, and may get lost.

PostgreSQL: one LISTEN connection a process, reconnecting for ever; rings go out after the commit
on a connection of their own, many in one statement. SQLite has no such thing: there a pragma
tells, without reading anything, that somebody committed, and everybody looks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import psycopg
from sqlalchemy.engine import URL

from chaingraph import metrics
from chaingraph.execution.bell import LocalBell

log = logging.getLogger(__name__)

CHANNEL = "chaingraph"
#: Rings of this many seconds go out together.
COALESCE_SECONDS = 0.002
#: The longest payload of a notification is 8,000 bytes.
PAYLOAD_BYTES = 7_500
#: How often the pragma of SQLite is asked, in seconds.
LOOK_SECONDS = 0.05
BACK_OFF = (0.1, 0.5, 1.0, 2.0, 5.0)


class Doorbell(LocalBell):
    """Rings here and in the other processes on the same database."""

    def __init__(self, url: URL) -> None:
        super().__init__()
        self._url = url
        self._outgoing: dict[str, None] = {}
        self._has_outgoing = asyncio.Event()
        #: called with every key that another process rang
        self.heard: Callable[[str], None] = super().ring

    def ring(self, key: str) -> None:
        super().ring(key)
        self.ring_others(key)

    def ring_others(self, key: str) -> None:
        if self._url.get_backend_name() != "sqlite":
            self._outgoing[key] = None
            self._has_outgoing.set()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Hear and be heard while entered."""
        stopped = threading.Event()
        loop = asyncio.get_running_loop()
        sqlite = self._url.get_backend_name() == "sqlite"
        work = self._watch_file if sqlite else self._listen
        thread = threading.Thread(target=work, args=(loop, stopped), name="doorbell", daemon=True)
        thread.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(self._send())
                try:
                    yield
                finally:
                    sending.cancel()
        finally:
            stopped.set()
            await asyncio.to_thread(thread.join)

    def _watch_file(self, loop: asyncio.AbstractEventLoop, stopped: threading.Event) -> None:
        connection = sqlite3.connect(str(self._url.database), timeout=30, isolation_level=None)
        seen = None
        while not stopped.wait(LOOK_SECONDS):
            version = connection.execute("PRAGMA data_version").fetchone()
            if version != seen:
                seen = version
                _call(loop, self.ring_all)
        connection.close()

    def _listen(self, loop: asyncio.AbstractEventLoop, stopped: threading.Event) -> None:
        failures = 0
        while not stopped.is_set():
            try:
                with self._connect() as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    _call(loop, self.ring_all)  # what rang while nobody listened
                    failures = 0
                    self._hear(connection, loop, stopped)
            except psycopg.Error as error:
                log.warning("doorbell connection lost, connecting again: %s", error)
                metrics.doorbell_reconnects.inc()
                stopped.wait(BACK_OFF[min(failures, len(BACK_OFF) - 1)])
                failures += 1

    def _hear(
        self,
        connection: psycopg.Connection[tuple[object, ...]],
        loop: asyncio.AbstractEventLoop,
        stopped: threading.Event,
    ) -> None:
        while not stopped.is_set():
            for notice in connection.notifies(timeout=0.5):
                for key in notice.payload.split(","):
                    _call(loop, self.heard, key)

    async def _send(self) -> None:
        connection: psycopg.AsyncConnection[tuple[object, ...]] | None = None
        try:
            while True:
                await self._has_outgoing.wait()
                await asyncio.sleep(COALESCE_SECONDS)
                self._has_outgoing.clear()
                keys, self._outgoing = list(self._outgoing), {}
                try:
                    connection = connection or await self._connect_async()
                    for payload in _payloads(keys):
                        await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload))
                except psycopg.Error as error:
                    log.warning("a ring was lost: %s", error)
                    metrics.doorbell_rings_lost.inc()
                    connection = None
        finally:
            if connection is not None:
                with contextlib.suppress(psycopg.Error):
                    await connection.close()

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self._text(), autocommit=True, connect_timeout=5)

    async def _connect_async(self) -> psycopg.AsyncConnection[tuple[object, ...]]:
        return await psycopg.AsyncConnection.connect(
            self._text(), autocommit=True, connect_timeout=5
        )

    def _text(self) -> str:
        return self._url.set(drivername="postgresql").render_as_string(hide_password=False)


def _payloads(keys: Iterable[str]) -> list[str]:
    """The keys, joined into as few notifications as they fit in."""
    payloads: list[str] = []
    for key in keys:
        if payloads and len(payloads[-1]) + len(key) < PAYLOAD_BYTES:
            payloads[-1] += f",{key}"
        else:
            payloads.append(key)
    return payloads


def _call(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *args: str) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens
        loop.call_soon_threadsafe(call, *args)
