"""Events on their way from a node's log to 50 WebSocket clients of one execution."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, ExitStack
from typing import TypeAlias

from dbos import WorkflowHandleAsync

from bench import executions, flows
from bench.client import Client, connected
from bench.lines import Line, Target, median, percentile
from bench.plain_dbos import STREAM, STREAM_SECONDS, client
from bench.stage import Running, Stage, dbos, executor, front

SUBSCRIBERS = 50
#: Every so manieth subscriber looks at what it gets; the others only receive.
WATCHED = 10
SECONDS = 4
SLOW, FAST = 50, 2_000

#: For the median, the 99th percentile and the CPU of the API. A subscriber that asks for pauses
#: between its batches gets them.
Targets: TypeAlias = tuple[Target | None, Target | None, Target | None]
SLOW_TARGETS: Targets = (Target(5), Target(25), Target(25))
FAST_TARGETS: Targets = (Target(5), Target(25), None)
NONE: Targets = (None, None, None)


async def measure(stage: Stage) -> list[Line]:
    raw, raw_share = await asyncio.to_thread(asyncio.run, dbos_stream(stage.database(), SLOW))
    database = stage.database()
    found: list[Line] = []
    with ExitStack() as stack:
        api = stack.enter_context(executor("api", database))
        stack.enter_context(executor("worker", database))
        for rate, pause in ((SLOW, 0), (SLOW, 25), (FAST, 0), (FAST, 25)):
            late, share = await delays(database, api, rate, pause)
            what = f"log → {SUBSCRIBERS} subscribers, {rate:,}/s, batchTimeoutMs {pause}"
            targets = NONE if pause else SLOW_TARGETS if rate == SLOW else FAST_TARGETS
            found += lines(what, late, share, raw, raw_share, targets)
    return found


def lines(
    what: str,
    late: list[float],
    share: float,
    raw: list[float],
    raw_share: float,
    targets: Targets,
) -> list[Line]:
    against = f"a DBOS stream with {SUBSCRIBERS} readers, {SLOW}/s"
    p50, p99, cpu = targets
    most, raw_most = percentile(late, 0.99), percentile(raw, 0.99)
    core = "% of a core"
    return [
        Line(f"{what}, p50", median(late), against, median(raw), "ms", p50),
        Line(f"{what}, p99", most, against, raw_most, "ms", p99),
        Line(f"{what}, CPU of the API", share * 100, against, raw_share * 100, core, cpu),
    ]


async def delays(database: str, api: Running, rate: int, pause: int) -> tuple[list[float], float]:
    """Milliseconds from log to arrival, and the CPU share of the API process meanwhile."""
    async with front(database) as house:
        flow = flows.chatter(house.catalog, rate * SECONDS, rate)
        [execution_id] = await executions.created(house, flow)
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(connected(api.address)) for _ in range(SUBSCRIBERS)
        ]
        for each in clients:
            await each.subscribe(execution_id, batchTimeoutMs=pause)
        caller = await stack.enter_async_context(connected(api.address))
        cpu, began = api.cpu_seconds, time.perf_counter()
        await caller.call("start", executionId=execution_id)
        watching = [
            watch(each) if number % WATCHED == 0 else receive(each)
            for number, each in enumerate(clients)
        ]
        late = [each for found in await asyncio.gather(*watching) for each in found]
        share = (api.cpu_seconds - cpu) / (time.perf_counter() - began)
    return late, share


async def watch(subscriber: Client) -> list[float]:
    """Milliseconds from log to arrival of every line, until the execution is over."""
    late = []
    while True:
        events = await subscriber.events()
        now = time.time()
        for event in events:
            if event["type"] == "node:debug-log-string":
                late.append((now - float(event["data"]["log"])) * 1000)
        if events and events[-1]["type"] == "flow:completed":
            return late


async def receive(subscriber: Client) -> list[float]:
    """Only receive, until the execution is over."""
    while "flow:completed" not in str(await subscriber.text()):
        pass
    return []


async def dbos_stream(database: str, rate: int) -> tuple[list[float], float]:
    """The same with readers of a DBOS stream in one process, which is this one."""
    late: list[float] = []
    with dbos("queue", database, 50), client(database) as queue:
        handle: WorkflowHandleAsync[None] = await queue.enqueue_async(STREAM, rate)

        async def read() -> None:
            async for written in queue.read_stream_async(handle.workflow_id, "events"):
                late.append((time.time() - written) * 1000)

        async with asyncio.TaskGroup() as readers:
            for _ in range(SUBSCRIBERS):
                readers.create_task(read())
            await asyncio.sleep(1)
            cpu = time.process_time()
            await queue.send_async(handle.workflow_id, "go", "go")
        share = (time.process_time() - cpu) / STREAM_SECONDS
    return late, share
