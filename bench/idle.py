"""What a worker costs that has nothing to do."""

from __future__ import annotations

import asyncio
import time

from bench import executions, flows
from bench.lines import Line, Target
from bench.stage import Running, Stage, dbos, executor, front

PARKED = 10_000
SECONDS = 6
SETTLE_SECONDS = 2


async def measure(stage: Stage) -> list[Line]:
    with dbos("queue", stage.database(), 1_000) as process:
        raw = await share(process)
    database = stage.database()
    with executor("worker", database) as worker:
        async with front(database) as house:
            flow = flows.stamps(house.catalog, 3)
            await executions.run(house, flow)
            alone, before = await share(worker), worker.megabytes
            await executions.created(house, flow, PARKED)
        parked, after = await share(worker), worker.megabytes
    against = "an idle DBOS process, its queue polled each second"
    target = Target(2)
    return [
        Line("idle worker", alone, against, raw, "% of a core", target),
        Line(
            f"worker beside {PARKED:,} parked executions",
            parked,
            against,
            raw,
            "% of a core",
            target,
        ),
        Line(
            "its memory",
            after,
            "before they were there",
            before,
            "MiB",
            Target(1.05, of_ratio=True),
        ),
    ]


async def share(running: Running) -> float:
    """Percent of a core, over some seconds."""
    await asyncio.sleep(SETTLE_SECONDS)
    cpu, began = running.cpu_seconds, time.perf_counter()
    await asyncio.sleep(SECONDS)
    return 100 * (running.cpu_seconds - cpu) / (time.perf_counter() - began)
