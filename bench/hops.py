"""One effectful node after another: from body to body, beside a raw DBOS step."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from bench import executions, flows
from bench.lines import Line, Target, median
from bench.stage import Backend, Stage, dbos, executor, front
from chaingraph.engine.events import EventType
from chaingraph.modes import House

NODES = 200
#: One chain takes a fraction of a second: too short beside whatever else the machine does.
CHAINS = 5


async def measure(stage: Stage) -> list[Line]:
    return [await line(stage, backend) for backend in ("PostgreSQL", "SQLite")]


async def line(stage: Stage, backend: Backend) -> Line:
    ours = await hop(stage.database(backend))
    raw = await asyncio.to_thread(raw_step, stage.database(backend))
    target = Target(0.4, of_ratio=True)
    return Line(f"effectful hop, {backend}, p50", ours, "a raw DBOS step", raw, "ms", target)


async def hop(database: str) -> float:
    """Milliseconds between the bodies of two nodes."""
    with executor("worker", database):
        async with front(database) as house:
            flow = flows.stamps(house.catalog, NODES)
            await executions.run(house, flow)
            rows = [await executions.run(house, flow) for _ in range(CHAINS)]
            times = [await stamps(house, row.id) for row in rows]
    return 1000 * median(b - a for chain in times for a, b in pairwise(chain))


async def stamps(house: House, execution_id: str) -> list[float]:
    """When the body of each node ran."""
    found = await executions.events(house, execution_id)
    done = [each for each in found if each.type is EventType.NODE_COMPLETED]
    return [float(each.data["values"]["at"]) for each in done]


def raw_step(database: str) -> float:
    with dbos("steps", database, CHAINS * NODES) as process:
        return float(process.answer())
