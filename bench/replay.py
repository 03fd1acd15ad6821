"""100,000 events from the beginning, for one who comes late."""

from __future__ import annotations

import asyncio
import time

import orjson
import psycopg

from bench import executions, flows
from bench.client import connected
from bench.lines import Line, Target
from bench.stage import Stage, executor, front
from chaingraph.execution.reading import PAGE

LINES = 100_000
READ = (
    "SELECT position, type, at, data FROM chaingraph_journal"
    " WHERE execution_id = %s AND position >= %s ORDER BY position LIMIT %s"
)


async def measure(stage: Stage) -> list[Line]:
    database = stage.database()
    with executor("api", database) as api:
        with executor("worker", database):
            async with front(database) as house:
                flow = flows.chatter(house.catalog, LINES)
                execution_id = (await executions.run(house, flow)).id
        first, rate = await asyncio.to_thread(bare_read, database, execution_id)
        found: list[Line] = []
        for view in ("full", "compact"):
            ours, pace = await replay(api.address, execution_id, view)
            what = f"replay of {LINES:,} events, {view} view"
            found += [
                Line(f"{what}, first byte", ours, "a bare SELECT", first, "ms", Target(50)),
                Line(what, pace, "a bare SELECT", rate, "events/s", Target(50_000, at_least=True)),
            ]
    return found


async def replay(address: str, execution_id: str, view: str) -> tuple[float, float]:
    """Milliseconds to the first event, and events a second."""
    async with connected(address) as subscriber:
        began = time.perf_counter()
        await subscriber.subscribe(execution_id, view=view, batchSize=1000)
        first = await subscriber.text()
        first_after = time.perf_counter() - began
        text = first
        while "flow:completed" not in str(text):
            text = await subscriber.text()
        taken = time.perf_counter() - began
    return first_after * 1000, LINES / taken


def bare_read(database: str, execution_id: str) -> tuple[float, float]:
    """The same rows, read page by page and decoded, and nothing else."""
    began = time.perf_counter()
    first_after = 0.0
    position = 0
    with psycopg.connect(database) as connection:
        while rows := connection.execute(READ, (execution_id, position, PAGE)).fetchall():
            for row in rows:
                orjson.loads(row[3])
            first_after = first_after or time.perf_counter() - began
            position = rows[-1][0] + 1
    return first_after * 1000, position / (time.perf_counter() - began)
