"""Executions a second: two workers empty a full queue, beside DBOS with workflows of nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TypeAlias

from dbos import DBOSClient, WorkflowHandle

from bench import executions, flows
from bench.lines import Line, Target
from bench.plain_dbos import NOTHING, client
from bench.stage import Running, Stage, dbos, executor, front
from chaingraph.engine.catalog import Catalog
from chaingraph.flow.model import Flow

EXECUTIONS = 1_000
NODES = 3
WORKERS = 2
#: The workers are frozen while the queue is filled; nobody shall take them for dead.
LEASE_SECONDS = 60
POLL_MS = 100

Draw: TypeAlias = Callable[[Catalog, int], Flow]
Handles: TypeAlias = list[WorkflowHandle[float]]


async def measure(stage: Stage) -> list[Line]:
    pure = await executions_per_second(stage.database(), flows.pure_chain)
    effects = await executions_per_second(stage.database(), flows.stamps)
    raw = await asyncio.to_thread(workflows_per_second, stage.database())
    target = Target(300, at_least=True)
    return [
        Line(
            f"executions of {what}, {WORKERS} workers",
            ours,
            "a DBOS queue alone",
            raw,
            "/s",
            target,
        )
        for what, ours in ((f"{NODES} pure nodes", pure), (f"{NODES} effects", effects))
    ]


async def executions_per_second(database: str, draw: Draw) -> float:
    with ExitStack() as stack:
        workers = [
            stack.enter_context(executor("worker", database, lease_seconds=LEASE_SECONDS))
            for _ in range(WORKERS)
        ]
        async with front(database) as house:
            flow = draw(house.catalog, NODES)
            await executions.start_all(house, await executions.created(house, flow, 50))
            ids = await executions.created(house, flow, EXECUTIONS)
            await asyncio.sleep(1)
            freeze(workers)
            await executions.start_all(house, ids)
            thaw(workers)
            began = time.time()
            rows = await executions.side_by_side(lambda i: executions.ended(house, i), ids, 1)
    ends = [row.completed_at.timestamp() for row in rows if row.completed_at is not None]
    return EXECUTIONS / (max(ends) - began)


def workflows_per_second(database: str) -> float:
    with ExitStack() as stack:
        workers = [stack.enter_context(dbos("queue", database, POLL_MS)) for _ in range(WORKERS)]
        queue = stack.enter_context(client(database))
        ends_of(enqueue(queue, 50))
        freeze(workers)
        handles = enqueue(queue, EXECUTIONS)
        thaw(workers)
        began = time.time()
        ends = ends_of(handles)
    return EXECUTIONS / (max(ends) - began)


def enqueue(queue: DBOSClient, count: int) -> Handles:
    return [queue.enqueue(NOTHING) for _ in range(count)]


def ends_of(handles: Handles) -> list[float]:
    return [each.get_result(polling_interval_sec=0.05) for each in handles]


def freeze(workers: Sequence[Running]) -> None:
    for each in workers:
        each.freeze()


def thaw(workers: Sequence[Running]) -> None:
    for each in workers:
        each.thaw()
