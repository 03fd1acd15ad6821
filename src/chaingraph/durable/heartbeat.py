"""A worker's heartbeat: on its own thread and connection, so that busy bodies do not stop it.

It stops by itself when the event loop has not ticked for long: then the process is of no use,
and when it comes to itself again, it has to begin a new life.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sqlalchemy.engine import URL

from chaingraph.durable.database import create_engine
from chaingraph.durable.fleet import beat

log = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
#: A loop that stands still longer than this does not deserve its leases.
LOOP_PATIENCE = 120.0


@asynccontextmanager
async def heartbeat(
    url: URL, worker_id: str, *, declared_dead: Callable[[], None]
) -> AsyncIterator[None]:
    """Beat while entered. `declared_dead` is called on the loop when this life is over: a beat
    found no live row, or the loop stood still for too long."""
    loop = asyncio.get_running_loop()
    stopped = threading.Event()
    ticked = time.monotonic()

    def tick() -> None:
        nonlocal ticked
        ticked = time.monotonic()

    def work() -> None:
        engine = create_engine(url)
        try:
            while not stopped.wait(BEAT_SECONDS):
                if time.monotonic() - ticked > LOOP_PATIENCE:
                    loop.call_soon_threadsafe(declared_dead)
                    return
                loop.call_soon_threadsafe(tick)
                try:
                    with engine.begin() as connection:
                        alive = beat(connection, worker_id)
                except Exception as error:  # a heart that stops beating at an error is no help
                    log.warning("a heartbeat failed: %s", error)
                    continue
                if not alive:
                    loop.call_soon_threadsafe(declared_dead)
                    return
        finally:
            engine.dispose()

    thread = threading.Thread(target=work, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        await asyncio.to_thread(thread.join)
