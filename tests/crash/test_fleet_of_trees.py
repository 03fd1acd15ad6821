"""Worker processes and executions that wait: for children, for signals, for being resumed."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chaingraph.execution.principals import LOCAL
from chaingraph.execution.records import Disposition, ExecutionRow, Status
from tests.crash.conftest import MakeDatabase
from tests.crash.trial import Trial, trial
from tests.crash.workers import worker_process
from tests.servers import new_database

log = logging.getLogger(__name__)

pytestmark = pytest.mark.timeout(120)


async def tree_of(
    on_trial: Trial, root: str, size: int, are_so: Callable[[Sequence[ExecutionRow]], bool]
) -> list[ExecutionRow]:
    """The rows of a tree when there are so many and they are so."""
    async with asyncio.timeout(40):
        while True:
            rows = await on_trial.tree(root)
            if len(rows) == size and are_so(rows):
                return rows
            await asyncio.sleep(0.1)


def have_started(rows: Sequence[ExecutionRow]) -> bool:
    return all(row.started_at is not None for row in rows)


async def dispositions(on_trial: Trial, root: str) -> Counter[Disposition]:
    tree = await on_trial.house.journal.tree(root)
    return Counter(each.dispatch.disposition for each in tree)


async def test_two_hundred_parents_that_wait_for_children_block_nobody(
    postgres_url: str, tmp_path: Path
) -> None:
    url, effects = new_database(postgres_url), tmp_path / "effects"
    async with trial(url, effects) as on_trial:
        with worker_process(url, effects, slots=5):
            parents = await on_trial.begin("two", 200)
            others = [
                (await on_trial.ended(await on_trial.begin("chain", owner="quiet"), within=10))[0]
                for _ in range(10)
            ]
            waiting = [row for row in [await on_trial.row(p) for p in parents] if not is_over(row)]
            rows = await on_trial.ended(parents, within=60)
        assert waiting, "all parents were over before the others"
        assert {row.status for row in (*rows, *others)} == {Status.COMPLETED}
        assert await on_trial.broken_trees(parents) == []


def is_over(row: ExecutionRow) -> bool:
    return row.status.is_terminal


async def test_a_hundred_generations_need_one_slot(postgres_url: str, tmp_path: Path) -> None:
    url, effects = new_database(postgres_url), tmp_path / "effects"
    async with trial(url, effects) as on_trial:
        with worker_process(url, effects, slots=1):
            roots = await on_trial.begin("generations")
            await on_trial.ended(roots, within=50)
        rows = await on_trial.tree(roots[0])
        assert [row.execution_depth for row in rows] == list(range(101))
        assert {row.status for row in rows} == {Status.COMPLETED}
        assert await on_trial.broken_trees(roots) == []


async def test_a_tree_of_a_thousand_children_stops_at_once(
    make_database: MakeDatabase, tmp_path: Path
) -> None:
    url, effects = make_database(), tmp_path / "effects"
    async with trial(url, effects) as on_trial:
        with worker_process(url, effects, slots=16):
            (root,) = await on_trial.begin("thousand")
            await tree_of(on_trial, root, 1001, have_started)
            told_at = datetime.now(UTC)
            await on_trial.house.service.stop(LOCAL, root)
            rows = await tree_of(on_trial, root, 1001, lambda rows: all(map(is_over, rows)))
        taken = sorted(
            (row.completed_at - told_at).total_seconds() for row in rows if row.completed_at
        )
        log.info("stop: p50 %.2f s, p99 %.2f s, max %.2f s", taken[500], taken[990], taken[-1])
        assert taken[990] <= 2
        assert {row.status for row in rows} == {Status.STOPPED}


async def test_children_of_a_killed_worker_end_and_tell_their_parent_once(
    make_database: MakeDatabase, tmp_path: Path
) -> None:
    url, effects = make_database(), tmp_path / "effects"
    async with trial(url, effects) as on_trial:
        with worker_process(url, effects, slots=16) as doomed:
            (root,) = await on_trial.begin("hundred")
            await asyncio.to_thread(doomed.until, "body:child:done", times=30)
            doomed.kill()
            with worker_process(url, effects, slots=16):
                await on_trial.ended([root], within=30)
        rows = await on_trial.tree(root)
        assert Counter(row.status for row in rows) == {Status.COMPLETED: 101}
        assert await on_trial.recoveries(), "nobody was hit"
        assert await on_trial.broken_trees([root]) == []


async def test_what_is_paused_takes_no_slot_and_outlives_every_process(
    make_database: MakeDatabase, tmp_path: Path
) -> None:
    url, effects = make_database(), tmp_path / "effects"
    async with trial(url, effects) as on_trial:
        with worker_process(url, effects, slots=1) as doomed:
            (paused,) = await on_trial.begin("held")
            await asyncio.to_thread(doomed.until, "body:first:done")
            await on_trial.house.service.pause(LOCAL, paused)
            await tree_of(on_trial, paused, 1, lambda rows: rows[0].status is Status.PAUSED)
            await on_trial.ended(await on_trial.begin("chain"), within=10)
            doomed.kill()
    async with trial(url, effects) as on_trial:
        with worker_process(url, effects, slots=1):
            await on_trial.ended(await on_trial.begin("chain"), within=10)
            assert (await on_trial.row(paused)).status is Status.PAUSED
            assert await dispositions(on_trial, paused) == {Disposition.PARKED: 1}
            await on_trial.house.service.resume(LOCAL, paused)
            await on_trial.house.service.signal(LOCAL, paused, "go", 7)
            (row,) = await on_trial.ended([paused], within=10)
        assert (row.status, row.failure_count) == (Status.COMPLETED, 0)
        assert await on_trial.findings([paused]) == []
