"""A resume against signal 9: it is kept or it is lost, and whoever asks again need not know."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from chaingraph.engine.events import EventType
from chaingraph.execution.principals import LOCAL
from chaingraph.execution.reading import decode
from chaingraph.execution.records import Disposition, Status
from chaingraph.execution.verify import verify
from tests.conformance.backends import Backend, sql_backend
from tests.crash.effects import EFFECTS
from tests.crash.kinds import FLOWS, built, catalog
from tests.lifecycle.mortal import COMMAND
from tests.lifecycle.workers import Workplace

ROOT = Path(__file__).parents[2]
#: A process has done everything in so many seconds.
LONGEST = 0.08


class Mortals:
    """The processes of `tests.lifecycle.mortal`, from here."""

    def __init__(self, orders: IO[str], results: IO[str]) -> None:
        self._orders = orders
        self._results = results

    def resume(self, execution_id: str, seconds: float) -> bool:
        """Let one resume it and work on it so long. Whether it was killed before its end."""
        self._orders.write(json.dumps([execution_id, seconds]) + "\n")
        self._orders.flush()
        code = int(self._results.readline())
        assert code in (0, -9)
        return code == -9


@contextmanager
def mortals(url: str) -> Iterator[Mortals]:
    command = [sys.executable, "-W", "error", "-m", "tests.lifecycle.mortal", url]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:
        assert process.stdin is not None and process.stdout is not None
        yield Mortals(process.stdin, process.stdout)
        process.stdin.close()


async def races(folder: Path, rounds: int) -> None:
    url, effects = f"sqlite:///{folder / 'chaingraph.db'}", folder / "effects"
    os.environ[EFFECTS] = str(effects)
    async with sql_backend(url) as backend:
        place = Workplace(backend, catalog())
        await place.open()
        await place.service.import_flow(LOCAL, built(FLOWS["chain"], place.catalog))
        left = Counter[str]()
        with mortals(url) as killers:
            for _ in range(rounds):
                execution_id = await paused(place)
                killed = killers.resume(execution_id, random.uniform(0, LONGEST))
                left[await state(backend, execution_id)] += 1
                await bring_to_its_end(backend, place, execution_id)
                await judge(backend, execution_id, effects, losses=int(killed))
        await place.close()
    assert len(left) > 1, f"no race at all: {left}"


async def paused(place: Workplace) -> str:
    execution_id = await place.service.create(LOCAL, "V2chain")
    await place.service.start(LOCAL, execution_id)
    await place.service.pause(LOCAL, execution_id)
    await place.work(0, execution_id)
    return execution_id


async def state(backend: Backend, execution_id: str) -> str:
    stored = await backend.journal.get(execution_id)
    assert stored is not None
    return f"{stored.row.status} {stored.dispatch.disposition}"


async def bring_to_its_end(backend: Backend, place: Workplace, execution_id: str) -> None:
    """Ask for the resume again, take over what the dead had, and work on it."""
    await place.service.resume(LOCAL, execution_id, command_id=COMMAND)
    mine = {process.row.id for process in place.workers}
    for row in await backend.fleet.workers():
        if row.id not in mine:
            await backend.fleet.declare_dead(row.id, row.beat)
            for lease in await backend.fleet.leases(row.id):
                await backend.fleet.take_over(lease, place.workers[0].row.id, "killed", poison=5)
    await place.work(0, execution_id)
    await place.finish(0)


async def judge(backend: Backend, execution_id: str, effects: Path, *, losses: int) -> None:
    stored = await backend.journal.get(execution_id)
    assert stored is not None
    events = [decode(each) for each in await backend.journal.read(execution_id, 0, 1_000)]
    assert verify(stored, events) == []
    assert stored.row.status is Status.COMPLETED
    assert stored.dispatch.disposition is Disposition.DONE
    assert [each.type for each in events].count(EventType.FLOW_RESUMED) == 1
    came = counted(effects, execution_id)
    assert set(came) == {"a", "c"} and max(came.values()) <= 1 + losses, came


def counted(effects: Path, execution_id: str) -> Counter[str]:
    """How often the effect of each node came."""
    lines = [json.loads(line) for line in effects.read_text().splitlines()]
    return Counter(line["node"] for line in lines if line["key"].startswith(execution_id))


async def test_a_resume_races_with_the_death_of_its_process(tmp_path: Path) -> None:
    await races(tmp_path, 60)


@pytest.mark.chaos
async def test_a_resume_races_with_the_death_of_its_process_often(tmp_path: Path) -> None:
    await races(tmp_path, 1_000)
