"""A worker that was frozen, was taken for dead, and comes back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chaingraph.execution.principals import LOCAL
from chaingraph.execution.records import WorkerRow
from chaingraph.modes import House, open_house
from chaingraph.settings import Settings
from tests.crash.kinds import FLOWS, built, catalog
from tests.crash.reports import report
from tests.crash.workers import worker_process
from tests.servers import new_database


@pytest.mark.timeout(60)
async def test_a_zombie_is_refused_and_begins_a_new_life(postgres_url: str, tmp_path: Path) -> None:
    url, effects = new_database(postgres_url), tmp_path / "effects"
    settings = Settings(database=url)
    async with open_house(settings, catalog()) as house:
        execution_id = await started(house, "frozen")
        with worker_process(url, effects) as zombie:
            await asyncio.to_thread(zombie.until, "body:slow:done")
            (frozen,) = await house.fleet.workers()
            zombie.freeze()
            with worker_process(url, effects):
                await end_of(house, execution_id)
            before = await report(house, execution_id)
            zombie.thaw()
            reborn = await other_life(house, frozen)
            await end_of(house, await started(house, "frozen"))
            after = await report(house, execution_id)
    assert before == after
    assert after["findings"] == []
    assert after["status"] == "completed"
    assert reborn.pid == frozen.pid == zombie.pid
    assert effects.read_text().count(f"{execution_id}/slow") == 2


async def started(house: House, flow: str) -> str:
    await house.service.import_flow(LOCAL, built(FLOWS[flow], catalog()))
    execution_id = await house.service.create(LOCAL, f"V2{flow}")
    await house.service.start(LOCAL, execution_id)
    return execution_id


async def end_of(house: House, execution_id: str) -> None:
    async for _ in house.service.follow(LOCAL, execution_id, view="compact"):
        pass


async def other_life(house: House, dead: WorkerRow) -> WorkerRow:
    """The row of the same process under a new id."""
    while True:
        for worker in await house.fleet.workers():
            if worker.pid == dead.pid and worker.id != dead.id and worker.alive:
                return worker
        await asyncio.sleep(0.05)
