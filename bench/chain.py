"""A chain of pure nodes, durable: from `flow:started` to `flow:completed`, by the journal."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chaingraph.execution.records import LOCAL, ExecutionRow
from chaingraph.flow.build import FlowBuilder
from chaingraph.flow.model import Flow
from chaingraph.modes import House, open_house
from chaingraph.nodes import builtin_catalog
from chaingraph.settings import Settings


def chain(nodes: int) -> Flow:
    """`m0 + 1 -> m1 + 1 -> …`"""
    builder = FlowBuilder(f"chain of {nodes}", builtin_catalog(), id=f"chain{nodes}")
    before = None
    for number in range(nodes):
        handle = builder.add("MathNode", f"m{number}", b=1, operation="add")
        if before is not None:
            builder.connect(before["result"], handle["a"])
        before = handle
    return builder.build()


async def ended(house: House, execution_id: str) -> ExecutionRow:
    """The row of an execution once it is over. Reads only rows, so as not to share the work."""
    while True:
        row = await house.service.details(LOCAL, execution_id)
        if row.completed_at is not None:
            return row
        await asyncio.sleep(0.05)


async def run_once(house: House, flow_id: str) -> float:
    """Seconds between the first and the last event of the flow."""
    execution_id = await house.service.create(LOCAL, flow_id)
    await house.service.start(LOCAL, execution_id)
    row = await ended(house, execution_id)
    assert row.started_at is not None and row.completed_at is not None
    return (row.completed_at - row.started_at).total_seconds()


async def durable_chain(data_dir: Path, nodes: int, times: int) -> float:
    """Nodes per second, the median of several runs."""
    flow = chain(nodes)
    async with open_house(Settings(data_dir=data_dir)) as house, house.working():
        await house.service.import_flow(LOCAL, flow)
        seconds = sorted([await run_once(house, flow.id) for _ in range(times)])
    return nodes / seconds[times // 2]
