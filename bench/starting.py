"""From the start of an execution to its first node event at a WebSocket client."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack

from dbos import WorkflowHandle

from bench import executions, flows
from bench.client import Client, connected
from bench.lines import Line, Target, median, percentile
from bench.plain_dbos import NOTHING, client
from bench.stage import Stage, dbos, executor, front

BUSY = 100
IDLE = 8
#: So long nothing happens before a start out of idle, in seconds.
REST = 1.3
#: And otherwise: what was sent at the subscription has arrived.
BREATH = 0.02
DBOS_POLL_MS = 1_000
DBOS_STARTS = 8


async def measure(stage: Stage) -> list[Line]:
    raw = await asyncio.to_thread(dbos_starts, stage.database())
    database = stage.database()
    with ExitStack() as stack:
        api = stack.enter_context(executor("api", database))
        stack.enter_context(executor("worker", database))
        busy = await starts(database, api.address, BUSY, BREATH)
        idle = await starts(database, api.address, IDLE, REST)
    database = stage.database("SQLite")
    with executor("serve", database) as server:
        single = await starts(database, server.address, BUSY, BREATH)
    return [
        *lines("API and worker on PostgreSQL, one after another", busy, raw, 40),
        *lines("the same, out of idle", idle, raw, 150),
        *lines("one process on SQLite", single, raw, 15),
    ]


def lines(where: str, ours: list[float], raw: list[float], bound: float) -> list[Line]:
    against = "start of a DBOS workflow, polled each second"
    what = f"start → first node event, {where}"
    return [
        Line(f"{what}, p50", median(ours), f"{against}, p50", median(raw), "ms", Target(bound)),
        Line(f"{what}, p99", percentile(ours, 0.99), f"{against}, p99", max(raw), "ms"),
    ]


async def starts(database: str, address: str, count: int, rest: float) -> list[float]:
    """Milliseconds of so many starts, one after another."""
    async with front(database) as house:
        ids = await executions.created(house, flows.stamps(house.catalog, 3), count + 5)
    taken = []
    for execution_id in ids:
        async with connected(address) as follower, connected(address) as caller:
            await follower.subscribe(execution_id, batchTimeoutMs=0)
            await asyncio.sleep(rest)
            taken.append(await start(follower, caller, execution_id))
    return taken[5:]


async def start(follower: Client, caller: Client, execution_id: str) -> float:
    began = time.perf_counter()
    await caller.send("mutation", "start", executionId=execution_id)
    while not any(event["type"] == "node:started" for event in await follower.events()):
        pass
    taken = time.perf_counter() - began
    await caller.frame()
    return taken * 1000


def dbos_starts(database: str) -> list[float]:
    """Milliseconds from enqueueing a workflow to its first line."""
    taken = []
    with dbos("queue", database, DBOS_POLL_MS), client(database) as queue:
        for _ in range(DBOS_STARTS):
            began = time.time()
            handle: WorkflowHandle[float] = queue.enqueue(NOTHING)
            taken.append((handle.get_result(polling_interval_sec=0.03) - began) * 1000)
    return taken
