"""Chores are only those that the settings ask for, and they do what they say."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from chaingraph.durable.chores import chores
from chaingraph.durable.prune import Retention
from chaingraph.execution.principals import LOCAL
from chaingraph.execution.records import Status
from chaingraph.execution.times import now_ms
from chaingraph.flow.build import FlowBuilder
from chaingraph.modes import open_house
from chaingraph.nodes import builtin_catalog
from chaingraph.settings import Settings


def one_node(name: str) -> FlowBuilder:
    builder = FlowBuilder(name, builtin_catalog(), id=name)
    builder.add("NumberNode", "n", num=1)
    return builder


async def test_nothing_is_done_unless_it_is_wanted(data_dir: Path) -> None:
    async with open_house(Settings(data_dir=data_dir)) as house:
        assert house.database is not None
        assert not chores(
            house.database, Retention(), None, ring=house.bell.ring, clock=house.clock
        )


async def test_what_is_never_started_ends_and_its_readers_hear_of_it(data_dir: Path) -> None:
    async with open_house(Settings(data_dir=data_dir)) as house, asyncio.timeout(20):
        assert house.database is not None
        await house.service.import_flow(LOCAL, one_node("flow").build())
        execution_id = await house.service.create(LOCAL, "flow")
        late = now_ms() + 3_600_000
        (expiry,) = chores(
            house.database,
            Retention(),
            timedelta(minutes=5),
            ring=house.bell.ring,
            clock=lambda: late,
        )
        with house.bell.listen(execution_id) as ring:
            await expiry.work()
            await ring.wait(20)
        row = await house.service.details(LOCAL, execution_id)
    assert (row.status, row.error_message) == (Status.STOPPED, "never started")


async def test_retention_deletes_what_ended_long_ago(data_dir: Path) -> None:
    async with open_house(Settings(data_dir=data_dir)) as house:
        assert house.database is not None
        await house.service.import_flow(LOCAL, one_node("flow").build())
        execution_id = await house.service.create(LOCAL, "flow")
        await house.service.stop(LOCAL, execution_id)
        late = now_ms() + 40 * 86_400_000
        (retention,) = chores(
            house.database,
            Retention(older_than=timedelta(days=30)),
            None,
            ring=house.bell.ring,
            clock=lambda: late,
        )
        await retention.work()
        assert await house.journal.get(execution_id) is None
