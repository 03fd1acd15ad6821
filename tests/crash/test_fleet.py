"""Worker processes that die, freeze, end and are overrun: the others go on with everything."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from time import time
from typing import Any

import pytest
import sqlalchemy as sa

from chaingraph.execution.isolation import SUSPECT_FROM
from chaingraph.execution.principals import LOCAL
from chaingraph.execution.records import Disposition
from chaingraph.execution.worker import POISON
from chaingraph.settings import Settings
from tests.crash.effects import gate
from tests.crash.trial import Trial, trial
from tests.crash.workers import WorkerProcess, worker_process
from tests.servers import new_database

log = logging.getLogger(__name__)

LONG = (pytest.mark.chaos, pytest.mark.timeout(600))


@pytest.fixture
def url(postgres_url: str) -> str:
    return new_database(postgres_url)


@pytest.fixture
async def on_trial(url: str, tmp_path: Path) -> AsyncIterator[Trial]:
    async with trial(url, tmp_path / "effects") as opened:
        yield opened


@contextmanager
def worker(url: str, on_trial: Trial, **more: Any) -> Iterator[WorkerProcess]:
    with worker_process(url, on_trial.effects, **more) as started:
        yield started


@pytest.mark.parametrize("host", ["", "elsewhere"], ids=["same-host", "other-host"])
async def test_a_survivor_goes_on_with_all_fifty_of_a_killed_worker(
    url: str, on_trial: Trial, host: str
) -> None:
    """On the same host its process is missed, on another one its heartbeat."""
    part = {"slots": 64, "lease_seconds": Settings().lease_seconds}
    with worker(url, on_trial, **part) as doomed:
        ids = await on_trial.begin("waiting", 50)
        await asyncio.to_thread(doomed.until, "body:held:done", times=50)
        with worker(url, on_trial, **part, host=host):
            killed_at = time()
            doomed.kill()
            news = sorted([await first_news(on_trial, each, killed_at) for each in ids])
            log.info("first new event: p50 %.2f s, max %.2f s", news[24], news[-1])
            gate(on_trial.effects).touch()
            rows = await on_trial.ended(ids, within=20)
    assert news[-1] < 5
    assert Counter(row.status for row in rows) == {"completed": 50}
    assert await on_trial.findings(ids) == []


async def first_news(on_trial: Trial, execution_id: str, since: float) -> float:
    """Seconds until the first event of an execution that came after this time."""
    journal, start = on_trial.house.journal, 0
    async with asyncio.timeout(15):
        while True:
            entries = await journal.read(execution_id, start, 100)
            for entry in entries:
                if entry.at > since * 1000:
                    return entry.at / 1000 - since
            start += len(entries)
            await asyncio.sleep(0.05)


async def test_a_worker_whose_loop_is_busy_for_long_is_not_taken_over(
    url: str, on_trial: Trial
) -> None:
    """The body holds the interpreter for more than twice the lease."""
    with worker(url, on_trial), worker(url, on_trial):
        before = {each.id for each in await on_trial.house.fleet.workers()}
        ids = await on_trial.begin("busy", 2)
        rows = await on_trial.ended(ids, within=25)
        after = {each.id for each in await on_trial.house.fleet.workers()}
    assert before == after
    assert [row.failure_count for row in rows] == [0, 0]
    assert await on_trial.recoveries() == {}
    assert set(on_trial.counted_effects().values()) == {1}
    assert await on_trial.findings(ids) == []


async def test_a_worker_that_is_told_to_end_reruns_nothing_and_cuts_no_stream(
    url: str, on_trial: Trial
) -> None:
    with worker(url, on_trial) as leaving, worker(url, on_trial):
        ids = await on_trial.begin("slow_chain", 48)
        streams = [asyncio.create_task(on_trial.positions(each)) for each in ids]
        await asyncio.to_thread(leaving.until, "body:second:done", times=4)
        left = [each for each in ids if not (await on_trial.row(each)).status.is_terminal]
        assert await asyncio.to_thread(leaving.end) == 0
        rows = await on_trial.ended(ids, within=20)
        seen = await asyncio.gather(*streams)
    assert left, "all had ended before the worker left"
    assert Counter(row.status for row in rows) == {"completed": 48}
    assert {row.failure_count for row in rows} == {0}
    assert await on_trial.recoveries() == {}
    assert set(on_trial.counted_effects().values()) == {1}
    assert all(positions == list(range(len(positions))) for positions in seen)
    assert await on_trial.findings(ids) == []


async def test_a_noisy_owner_does_not_keep_another_one_waiting(url: str, on_trial: Trial) -> None:
    """A slot is kept for him: he waits for none of the noise, which takes the same two cores."""
    with worker(url, on_trial, slots=4):
        await start_latency(on_trial)
        alone = [await start_latency(on_trial) for _ in range(15)]
        noise = await on_trial.begin("short", 300, owner="noisy")
        crowded = [await start_latency(on_trial) for _ in range(15)]
        left = [each for each in noise if await is_queued(on_trial, each)]
    log.info("start latency: alone %s, beside 300 %s", _spread(alone), _spread(crowded))
    assert left, "the noise was over too early to disturb anybody"
    assert median(crowded) <= 1.5 * median(alone) + 0.02
    assert max(crowded) <= 1.5 * max(alone) + 0.2


async def test_an_owner_who_takes_for_ever_does_not_take_all_slots(
    url: str, on_trial: Trial
) -> None:
    with worker(url, on_trial, slots=4) as busy:
        endless = await on_trial.begin("waiting", 8, owner="noisy")
        await asyncio.to_thread(busy.until, "body:held:done", times=3)
        await on_trial.ended(await on_trial.begin("chain", owner="quiet"), within=10)
        left = [each for each in endless if await is_queued(on_trial, each)]
        gate(on_trial.effects).touch()
        await on_trial.ended(endless, within=20)
    assert len(left) == 5


async def start_latency(on_trial: Trial) -> float:
    """Seconds from the start of an execution to its first event of a node."""
    (execution_id,) = await on_trial.begin("chain", owner="quiet")
    row = (await on_trial.ended([execution_id], within=20))[0]
    assert row.started_at is not None
    queued_at = await commanded_at(on_trial, execution_id)
    return row.started_at.timestamp() - queued_at


async def commanded_at(on_trial: Trial, execution_id: str) -> float:
    (start,) = await on_trial.house.journal.inbox(execution_id, 0)
    return start.at / 1000


async def is_queued(on_trial: Trial, execution_id: str) -> bool:
    stored = await on_trial.house.journal.get(execution_id)
    return stored is not None and stored.dispatch.disposition is Disposition.QUEUED


def _spread(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    return f"p50 {ordered[len(ordered) // 2]:.3f} s, max {ordered[-1]:.3f} s"


@pytest.mark.parametrize("kills", [3, pytest.param(100, marks=LONG)])
async def test_kills_leave_the_capacity_of_the_queue_unchanged(
    url: str, on_trial: Trial, kills: int
) -> None:
    """Each of the killed takes all its places in the dispatcher's queue with it."""
    stopped: list[str] = []
    for _ in range(kills):
        with worker(url, on_trial, slots=4, poll_seconds=1) as doomed:
            endless = await on_trial.begin("endless", 4)
            await until_places(on_trial, partial(fills_up, doomed.pid), within=20)
        for each in endless:
            await on_trial.house.service.stop(LOCAL, each)
        stopped += endless
    with worker(url, on_trial, slots=4, poll_seconds=1) as survivor:
        rows = await on_trial.ended(stopped, within=20)
        await until_places(on_trial, partial(is_alone, survivor.pid), within=15)
        await on_trial.ended(await on_trial.begin("chain", 8), within=10)
    assert Counter(row.status for row in rows) == {"stopped": len(stopped)}
    assert await on_trial.findings(stopped) == []


async def until_places(
    on_trial: Trial, are_right: Callable[[Counter[int]], bool], *, within: float
) -> None:
    """Return when the places that each process takes in the dispatcher's queue are right."""
    pending = sa.text("SELECT executor_id FROM dbos.workflow_status WHERE status = 'PENDING'")
    async with asyncio.timeout(within):
        while True:
            rows = await on_trial.read(pending)
            if are_right(Counter(int(row[0].split("-")[-2]) for row in rows)):
                return
            await asyncio.sleep(0.1)


def fills_up(pid: int, taken: Counter[int]) -> bool:
    return taken[pid] == 4


def is_alone(pid: int, taken: Counter[int]) -> bool:
    return set(taken) <= {pid}


async def test_what_kills_its_worker_is_isolated_and_fails_in_the_end(
    url: str, on_trial: Trial
) -> None:
    (poison,) = await on_trial.begin("poison")
    innocent = await on_trial.begin("frozen", 4)
    deaths = 0
    while not (await on_trial.row(poison)).status.is_terminal:
        with worker(url, on_trial) as dying:
            deaths += await dies_before_the_end_of(on_trial, poison, dying)
    with worker(url, on_trial):
        rows = await on_trial.ended(innocent, within=20)
    history = await on_trial.recoveries()
    assert deaths == history[poison] == POISON
    ended = await on_trial.row(poison)
    assert (ended.status, ended.failure_count) == ("failed", POISON)
    assert f"failure count ({POISON})" in (ended.error_message or "")
    assert Counter(row.status for row in rows) == {"completed": 4}
    assert max(history[each] for each in innocent) <= SUSPECT_FROM, "it took others with it"
    assert await on_trial.findings([poison, *innocent]) == []


async def dies_before_the_end_of(on_trial: Trial, execution_id: str, dying: WorkerProcess) -> bool:
    while not (await on_trial.row(execution_id)).status.is_terminal:
        if not dying.is_running:
            return True
        await asyncio.sleep(0.05)
    return False
