"""A worker is killed: when do its executions go on elsewhere?"""

from __future__ import annotations

import asyncio
import time

from bench import executions, flows
from bench.lines import Line, Target, median, percentile
from bench.stage import Stage, executor, front
from chaingraph.engine.events import EventType
from chaingraph.modes import House

EXECUTIONS = 50
SLOTS = 64
#: How often journals are looked at, in seconds; what is told is the time of the event itself.
LOOK_SECONDS = 0.1


async def measure(stage: Stage) -> list[Line]:
    near, near_start = await takeover(stage.database(), elsewhere=False)
    far, far_start = await takeover(stage.database(), elsewhere=True)
    return [
        *lines("the survivor sees processes", near, near_start, 2_000),
        *lines("the survivor sees heartbeats only", far, far_start, 5_000),
    ]


def lines(what: str, taken: list[float], start: float, bound: float) -> list[Line]:
    against = "start of a new worker process"
    title = f"kill -9 with {EXECUTIONS} running → first event, {what}"
    return [
        Line(f"{title}, p50", median(taken), against, start, "ms"),
        Line(f"{title}, p99", percentile(taken, 0.99), against, start, "ms", Target(bound)),
    ]


async def takeover(database: str, *, elsewhere: bool) -> tuple[list[float], float]:
    """Milliseconds from the kill to the first new event of each execution; and how long the
    surviving worker took to start."""
    with executor("worker", database, slots=SLOTS) as victim:
        async with front(database) as house:
            flow = flows.hold(house.catalog, 600)
            ids = await executions.created(house, flow, EXECUTIONS)
            await executions.start_all(house, ids)
            known = [await running(house, each) for each in ids]
            began = time.perf_counter()
            with executor("worker", database, elsewhere=elsewhere, slots=SLOTS):
                start = time.perf_counter() - began
                await asyncio.sleep(2)
                killed = time.time()
                victim.kill()
                pairs = list(zip(ids, known, strict=True))
                goes_on = await executions.side_by_side(lambda p: next_event(house, *p), pairs, 50)
    return [at - killed * 1000 for at in goes_on], start * 1000


async def running(house: House, execution_id: str) -> int:
    """The number of its events, once its node runs."""
    while True:
        found = await executions.events(house, execution_id)
        if any(each.type is EventType.NODE_STARTED for each in found):
            return len(found)
        await asyncio.sleep(LOOK_SECONDS)


async def next_event(house: House, execution_id: str, position: int) -> int:
    """When the event at this position was recorded."""
    while True:
        if entries := await house.journal.read(execution_id, position, 1):
            return entries[0].at
        await asyncio.sleep(LOOK_SECONDS)
