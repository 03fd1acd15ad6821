"""DBOS alone, in a process of its own: what it does with nothing of ours around it.

    python -m bench.plain_dbos ROLE DATABASE NUMBER

Says `ready`; then `steps` runs a workflow of so many steps and says the median milliseconds of
one, and `queue` polls for workflows every so many milliseconds until it is killed.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions
from sqlalchemy import create_engine, event

from bench.lines import median
from chaingraph.durable.database import configure_sqlite

QUEUE = "bench"
VERSION = "1"
STREAM_SECONDS = 3
NOTHING: EnqueueOptions = {
    "queue_name": QUEUE,
    "workflow_name": "nothing",
    "app_version": VERSION,
}
STREAM: EnqueueOptions = {**NOTHING, "workflow_name": "stream"}


def config(database: str) -> DBOSConfig:
    found: DBOSConfig = {
        "name": "bench",
        "application_version": VERSION,
        "executor_id": f"process{os.getpid()}",
        "log_level": "ERROR",
    }
    if database.startswith("sqlite"):
        engine = create_engine(database, connect_args={"timeout": 30})
        event.listen(engine, "connect", lambda connection, _: configure_dbos_sqlite(connection))
        found["system_database_engine"] = engine
    else:
        found["system_database_url"] = database
    return found


def configure_dbos_sqlite(connection: Any) -> None:
    configure_sqlite(connection)
    connection.isolation_level = "IMMEDIATE"


@contextmanager
def client(database: str) -> Iterator[DBOSClient]:
    found = DBOSClient(
        system_database_url=database, application_name="bench", use_listen_notify=True
    )
    try:
        yield found
    finally:
        found.destroy()


@DBOS.step()
async def step() -> float:
    return time.perf_counter()


@DBOS.workflow(name="steps")
async def steps(count: int) -> list[float]:
    return [await step() for _ in range(count)]


@DBOS.workflow(name="nothing")
async def nothing() -> float:
    return time.time()


@DBOS.step()
async def emit(per_second: float) -> None:
    due = time.time()
    for _ in range(int(STREAM_SECONDS * per_second)):
        await DBOS.write_stream_async("events", time.time())
        due += 1 / per_second
        await asyncio.sleep(max(0.0, due - time.time()))


@DBOS.workflow(name="stream")
async def stream(per_second: float) -> None:
    await DBOS.recv_async("go", 60)
    await emit(per_second)
    await DBOS.close_stream_async("events")


async def measure_steps(count: int) -> None:
    await steps(20)
    times = await steps(count)
    hops = [after - before for before, after in pairwise(times)]
    print(median(hops) * 1000, flush=True)


async def work(role: str, number: int) -> None:
    DBOS.launch()
    if role == "steps":
        print("ready", flush=True)
        await measure_steps(number)
    else:
        await DBOS.register_queue_async(
            QUEUE,
            polling_interval_sec=number / 1000,
            worker_concurrency=100,
            on_conflict="always_update",
        )
        print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    DBOS(config=config(sys.argv[2]))
    asyncio.run(work(sys.argv[1], int(sys.argv[3])))
