"""A tree of many children: how soon it stops, and what it costs the worker that has its parent."""

from __future__ import annotations

import asyncio
import time

from bench import executions, flows
from bench.lines import Line, Target, median, percentile
from bench.stage import Backend, Running, Stage, executor, front
from chaingraph.execution.principals import LOCAL
from chaingraph.execution.records import Disposition, Stored
from chaingraph.modes import House

CHILDREN = 1_000
#: What is stopped beside it, for comparison.
SINGLES = 20
LOOK_SECONDS = 0.2


async def measure(stage: Stage) -> list[Line]:
    found: list[Line] = []
    backends: tuple[Backend, ...] = ("PostgreSQL", "SQLite")
    for backend in backends:
        database = stage.database(backend)
        with executor("worker", database) as worker:
            async with front(database) as house:
                found += await lines(house, worker, backend)
    return found


async def lines(house: House, worker: Running, backend: Backend) -> list[Line]:
    alone = [await stopped(house, await parked(house, 1)) for _ in range(SINGLES)]
    single = median(max(each) for each in alone)
    before = worker.megabytes
    root = await parked(house, CHILDREN)
    after = worker.megabytes
    taken = await stopped(house, root)
    what = f"a tree of {CHILDREN:,} sleeping children, {backend}"
    against = "a tree of one"
    return [
        Line(f"stop of {what}, p50", median(taken), against, single, "ms"),
        Line(f"stop of {what}, p99", percentile(taken, 0.99), against, single, "ms", Target(2_000)),
        Line(
            f"memory of the worker beside {what}",
            after,
            "before they were there",
            before,
            "MiB",
            Target(1.2, of_ratio=True),
        ),
    ]


async def parked(house: House, children: int) -> str:
    """The root of a tree whose executions all wait."""
    [root] = await executions.created(house, flows.sleepers(house.catalog, children))
    await house.service.start(LOCAL, root)
    while True:
        tree = await house.journal.tree(root)
        if len(tree) == children + 1 and all(map(is_parked, tree)):
            return root
        await asyncio.sleep(LOOK_SECONDS)


def is_parked(stored: Stored) -> bool:
    """Whether it has run, and waits."""
    return stored.dispatch.number > 0 and stored.dispatch.disposition is Disposition.PARKED


async def stopped(house: House, root: str) -> list[float]:
    """Milliseconds from the stop to the end of each execution of the tree."""
    began = time.time()
    await house.service.stop(LOCAL, root)
    while True:
        ends = [each.row.completed_at for each in await house.journal.tree(root)]
        if None not in ends:
            return [(end.timestamp() - began) * 1000 for end in ends if end is not None]
        await asyncio.sleep(LOOK_SECONDS)
