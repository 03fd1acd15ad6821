"""Workers and database servers that die again and again, until all executions have ended."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest

from chaingraph.execution.principals import LOCAL
from chaingraph.modes import House, open_house
from chaingraph.settings import Settings
from tests.crash.conftest import MakeDatabase
from tests.crash.kinds import FLOWS, built, catalog
from tests.crash.reports import report
from tests.crash.workers import worker_process
from tests.servers import PostgresServer, new_database

EXECUTIONS = 20


@pytest.mark.chaos
@pytest.mark.timeout(300)
async def test_nothing_is_lost_when_workers_are_killed_again_and_again(
    make_database: MakeDatabase, tmp_path: Path
) -> None:
    url, effects = make_database(), tmp_path / "effects"
    dice = random.Random(4021)
    async with open_house(Settings(database=url), catalog()) as house:
        ids = await started(house)
        while not await all_ended(house, ids):
            with worker_process(url, effects):
                await asyncio.sleep(dice.uniform(0.2, 1.5))
        await check(house, ids, effects)


@pytest.mark.chaos
@pytest.mark.timeout(300)
async def test_nothing_is_lost_when_the_database_server_crashes_again_and_again(
    own_postgres_server: PostgresServer, tmp_path: Path
) -> None:
    url, effects = new_database(own_postgres_server.url), tmp_path / "effects"
    dice = random.Random(4021)
    async with open_house(Settings(database=url), catalog()) as house:
        ids = await started(house)
        with worker_process(url, effects) as worker:
            for _ in range(5):
                await asyncio.sleep(dice.uniform(0.1, 0.5))
                await asyncio.to_thread(own_postgres_server.stop, "immediate")
                await asyncio.sleep(dice.uniform(0.0, 3.0))
                await asyncio.to_thread(own_postgres_server.start)
            assert worker.is_running
            for execution_id in ids:
                async for _ in house.service.follow(LOCAL, execution_id, view="compact"):
                    pass
        await check(house, ids, effects)


async def started(house: House) -> list[str]:
    flow = built(FLOWS["slow_chain"], catalog())
    await house.service.import_flow(LOCAL, flow)
    ids = [await house.service.create(LOCAL, flow.id) for _ in range(EXECUTIONS)]
    for execution_id in ids:
        await house.service.start(LOCAL, execution_id)
    return ids


async def all_ended(house: House, ids: list[str]) -> bool:
    rows = [await house.service.details(LOCAL, execution_id) for execution_id in ids]
    return all(row.status.is_terminal for row in rows)


async def check(house: House, ids: list[str], effects: Path) -> None:
    reports = {execution_id: await report(house, execution_id) for execution_id in ids}
    assert [each["findings"] for each in reports.values() if each["findings"]] == []
    assert Counter(each["status"] for each in reports.values()) == {"completed": EXECUTIONS}
    assert set(launches(effects).values()) <= {1}
    for each in reports.values():
        assert each["nodes"]["last"]["values"]["result"] == 5


def launches(effects: Path) -> Counter[str]:
    """The effects of the `once` nodes, and how often each came."""
    return Counter(line for line in effects.read_text().splitlines() if '"once"' in line)
