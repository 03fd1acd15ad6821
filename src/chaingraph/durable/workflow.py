"""The DBOS runtime of a worker: one workflow, which runs one segment and nothing else."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from dbos import DBOS, DBOSConfig
from dbos import error as dbos_errors
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine

from chaingraph.durable.database import Database, configure_sqlite
from chaingraph.durable.dispatch import APPLICATION, APPLICATION_VERSION, QUEUE, WORKFLOW
from chaingraph.durable.serializer import JsonSerializer
from chaingraph.execution.records import Segment

#: DBOS finds queued work by polling only. Workers claim at the doorbell, whenever a slot is free,
#: and once a second; the poll is for the day on which they do not.
POLL_SECONDS = 10.0
#: How often DBOS looks for notifications to send. Nothing here uses them, and at its default of
#: 10 ms the looking takes half a percent of a core.
NOTIFY_SECONDS = 0.25
THREADS = 4
POOL = 8


def _is_news(record: logging.LogRecord) -> bool:
    """A segment that is taken is cancelled in the queue, maybe just while DBOS was bringing it.

    DBOS logs that as a failure with its traceback; nothing failed.
    """
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, dbos_errors.DBOSAwaitedWorkflowCancelledError)


@asynccontextmanager
async def dispatching(
    database: Database,
    run_segment: Callable[[Segment], Awaitable[None]],
    *,
    executor_id: str,
    slots: int,
) -> AsyncIterator[None]:
    """While entered, queued segments are brought to `run_segment`, at most `slots` at a time.

    There is one in a process: DBOS is global.
    """
    config = _config(database, executor_id)
    DBOS(config=config)
    logging.getLogger("dbos").addFilter(_is_news)

    @DBOS.workflow(name=WORKFLOW)
    async def segment(execution_id: str, number: int) -> None:
        await run_segment(Segment(execution_id, number))

    DBOS.listen_queues([QUEUE])
    DBOS.launch()
    try:
        await DBOS.register_queue_async(
            QUEUE,
            worker_concurrency=slots,
            polling_interval_sec=POLL_SECONDS,
            on_conflict="always_update",
        )
        yield
    finally:
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        engine = config.get("system_database_engine")
        if engine is not None:
            engine.dispose()
        # DBOS had put its own executor into the loop, and has shut it down.
        loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))


def _config(database: Database, executor_id: str) -> DBOSConfig:
    config: DBOSConfig = {
        "name": APPLICATION,
        "application_version": APPLICATION_VERSION,
        "executor_id": executor_id,
        "serializer": JsonSerializer(),
        "log_level": "ERROR",
        "sys_db_pool_size": POOL,
        "max_executor_threads": THREADS,
        "run_migrations": False,
        "notification_coalesce_sec": NOTIFY_SECONDS,
    }
    if database.is_sqlite:
        config["system_database_engine"] = dbos_engine(database)
    else:
        config["system_database_url"] = database.url.render_as_string(hide_password=False)
    return config


def dbos_engine(database: Database) -> Engine:
    """An engine for DBOS on the same database; with SQLite it begins its transactions itself."""
    if not database.is_sqlite:
        return create_engine(database.url, pool_size=POOL, pool_pre_ping=True)
    engine = create_engine(database.url, pool_size=POOL, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, record: object) -> None:
        configure_sqlite(connection)
        connection.isolation_level = "IMMEDIATE"

    return engine
