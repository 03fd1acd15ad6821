"""A quiet owner beside one who has queued 500 executions."""

from __future__ import annotations

import asyncio
import time

from bench import executions, flows
from bench.lines import Line, Target, percentile
from bench.stage import Stage, executor, front
from chaingraph.execution.principals import LOCAL
from chaingraph.modes import House

QUEUED = 500
STARTS = 60
#: One execution of the loud owner; all slots together free one every few milliseconds.
HOLD_SECONDS = 0.3
SLOTS = 16


async def measure(stage: Stage) -> list[Line]:
    database = stage.database()
    with executor("worker", database, slots=SLOTS):
        async with front(database) as house:
            quiet = flows.hold(house.catalog, 0, "quiet")
            loud = flows.hold(house.catalog, HOLD_SECONDS, "loud")
            await starts(house, await executions.created(house, quiet, 10))
            ids = await executions.created(house, quiet, 2 * STARTS)
            noise = await executions.created(house, loud, QUEUED)
            alone = await starts(house, ids[:STARTS])
            await executions.start_all(house, noise)
            beside = await starts(house, ids[STARTS:])
            left = (await house.service.details(LOCAL, noise[-1])).started_at is None
    what = f"start of an execution beside {QUEUED} queued ones of another owner"
    assert left, "the noise was over too early"
    target = Target(1.5, of_ratio=True)
    return [
        Line(f"{what}, {name}", percentile(beside, p), "alone", percentile(alone, p), "ms", target)
        for name, p in (("p50", 0.5), ("p99", 0.99))
    ]


async def starts(house: House, ids: list[str]) -> list[float]:
    """Milliseconds from the start to `flow:started`, one after another."""
    taken = []
    for each in ids:
        began = time.time()
        await house.service.start(LOCAL, each)
        row = await executions.ended(house, each, look=0.01)
        assert row.started_at is not None
        taken.append((row.started_at.timestamp() - began) * 1000)
        await asyncio.sleep(0)
    return taken
