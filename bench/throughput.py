"""Executions a second: two workers empty a full queue, beside DBOS with workflows of nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TypeAlias

from dbos import DBOSClient, WorkflowHandle

from bench import executions, flows
from bench.lines import Line, Target
from bench.plain_dbos import NOTHING, client
from bench.stage import Running, Stage, dbos, executor, front

EXECUTIONS = 1_000
NODES = 3
WORKERS = 2
#: The workers are frozen while the queue is filled; nobody shall take them for dead.
LEASE_SECONDS = 60
POLL_MS = 100

Handles: TypeAlias = list[WorkflowHandle[float]]


async def measure(stage: Stage) -> list[Line]:
    ours = await executions_per_second(stage.database())
    raw = await asyncio.to_thread(workflows_per_second, stage.database())
    what = f"executions of {NODES} nodes, {WORKERS} workers"
    return [Line(what, ours, "a DBOS queue alone", raw, "/s", Target(300, at_least=True))]


async def executions_per_second(database: str) -> float:
    with ExitStack() as stack:
        workers = [
            stack.enter_context(executor("worker", database, lease_seconds=LEASE_SECONDS))
            for _ in range(WORKERS)
        ]
        async with front(database) as house:
            flow = flows.stamps(house.catalog, NODES)
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
