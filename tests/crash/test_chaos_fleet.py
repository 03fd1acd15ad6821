"""Two workers and an API of which one dies every few seconds, and a database that crashes once."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic

import pytest

from chaingraph.errors import StoreUnavailable
from chaingraph.execution.principals import LOCAL
from chaingraph.execution.records import Lease
from chaingraph.modes import House
from tests.crash.apis import ApiProcess
from tests.crash.trial import Trial, insist, trial
from tests.crash.worker_process import Role
from tests.crash.workers import WorkerProcess
from tests.servers import PostgresServer, new_database

log = logging.getLogger(__name__)

SEED = 4021
LONG = (pytest.mark.chaos, pytest.mark.timeout(300))
MIX = (
    "chain", "frozen", "family", "slow_chain", "held", "branch", "frozen", "calling", "error_catch",
    "stream", "timed", "frozen", "signalled", "mixed", "tried", "wide", "two", "chain",
)  # fmt: skip


#: What executions of some of these wait for.
SIGNALS = {"held": ("go",), "signalled": ("late", "early")}


@dataclass
class Cast:
    """The processes of a fleet, each replaced by a new one when it was killed."""

    role: Role
    workers: list[WorkerProcess]
    api: ApiProcess

    async def kill_one(self, dice: random.Random, house: House) -> str:
        """Kill one of the processes and start its successor; which one it was.

        A worker dies while it holds something, whichever does first: idle ones hurt nobody.
        """
        self.replace_the_ended()
        if dice.randrange(3) == 2:
            await asyncio.to_thread(self.api.kill)
            self.api.start()
            return "api"
        victim = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                pids = [each.pid for each in self.workers]
                victim = pids.index(await holding(house, pids))
        await asyncio.to_thread(self.workers[victim].kill)
        self.workers[victim] = WorkerProcess(self.role)
        return f"worker {victim}"

    def replace_the_ended(self) -> None:
        """As whoever supervises processes does."""
        for n, worker in enumerate(self.workers):
            if not worker.is_running:
                worker.kill()
                self.workers[n] = WorkerProcess(self.role)


async def holding(house: House, pids: Sequence[int]) -> int:
    """The first of these processes that is at work on something that lasts."""
    before: dict[int, set[Lease]] = {}
    while True:
        with suppress(StoreUnavailable):
            now: dict[int, set[Lease]] = {}
            for each in await house.fleet.workers():
                if each.pid in pids:
                    now.setdefault(each.pid, set()).update(await house.fleet.leases(each.id))
            for pid, held in now.items():
                if held & before.get(pid, set()):
                    return pid
            before = now
        await asyncio.sleep(0.03)


@contextmanager
def cast(url: str, effects: Path) -> Iterator[Cast]:
    role = Role(url, str(effects))
    workers = [WorkerProcess(role) for _ in range(2)]
    playing = Cast(role, workers, ApiProcess(url))
    try:
        for worker in workers:
            worker.until("working")
        yield playing
    finally:
        for worker in playing.workers:
            worker.kill()
        playing.api.kill()


@pytest.mark.parametrize(
    ("executions", "seconds", "pauses"),
    [
        (40, 10, (1.0, 2.5)),
        pytest.param(200, 120, (1.0, 5.0), marks=LONG),
    ],
)
async def test_nothing_is_lost_whoever_dies(
    own_postgres_server: PostgresServer,
    tmp_path: Path,
    executions: int,
    seconds: float,
    pauses: tuple[float, float],
) -> None:
    dice = random.Random(SEED)
    log.info("seed %d", SEED)
    url, effects = new_database(own_postgres_server.url), tmp_path / "effects"
    async with trial(url, effects) as on_trial:
        flow_ids = {flow: await on_trial.store(flow) for flow in MIX}
        with cast(url, effects) as playing:
            ids: list[str] = []
            streams: list[asyncio.Task[list[int]]] = []
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(kill(playing, on_trial.house, dice, seconds, pauses))
                tasks.create_task(crash(own_postgres_server, after=seconds / 2))
                for n in range(executions):
                    flow = MIX[n % len(MIX)]
                    ids.append(await playing.api.begin(flow_ids[flow]))
                    if flow in SIGNALS:
                        tasks.create_task(steer(on_trial, flow, ids[-1]))
                    streams.append(asyncio.create_task(on_trial.positions(ids[-1])))
                    await asyncio.sleep(0.8 * seconds / executions)
            playing.replace_the_ended()
            began = monotonic()
            rows = await on_trial.ended(ids, within=30)
            log.info("quiet after %.1f s", monotonic() - began)
            seen = await asyncio.gather(*streams)
        assert await on_trial.recoveries(), "nobody was hit"
        assert Counter(row.status for row in rows) == {"completed": executions}
        assert all(positions == list(range(len(positions))) for positions in seen)
        assert await on_trial.broken_trees(ids) == []


async def steer(on_trial: Trial, flow: str, execution_id: str) -> None:
    """Do what an execution of this flow needs to come to its end; as a caller who does not give up.

    `held` is paused for a moment. Each call may be made again, under its command id.
    """
    service = on_trial.house.service
    if flow == "held":
        await insist(lambda: service.pause(LOCAL, execution_id, command_id="pause"))
        await asyncio.sleep(1)
        await insist(lambda: service.resume(LOCAL, execution_id, command_id="resume"))
    for name in SIGNALS[flow]:
        await insist(partial(service.signal, LOCAL, execution_id, name, 1, command_id=name))


async def kill(
    playing: Cast,
    house: House,
    dice: random.Random,
    seconds: float,
    pauses: tuple[float, float],
) -> None:
    began = monotonic()
    while monotonic() < began + seconds:
        await asyncio.sleep(dice.uniform(*pauses))
        victim = await playing.kill_one(dice, house)
        log.info("%5.1f s: %s was killed", monotonic() - began, victim)


async def crash(server: PostgresServer, *, after: float) -> None:
    await asyncio.sleep(after)
    await asyncio.to_thread(server.stop, "immediate")
    await asyncio.to_thread(server.start)
    log.info("PostgreSQL crashed and is back")
