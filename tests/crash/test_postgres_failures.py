"""PostgreSQL crashes, drops connections, is full, and does not say whether it committed."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import psycopg
import pytest

from chaingraph.errors import StoreUnavailable
from chaingraph.execution.principals import LOCAL
from tests.crash.lossy_proxy import lossy_proxy
from tests.crash.trial import Trial, trial
from tests.crash.workers import worker_process
from tests.servers import PostgresServer, new_database

#: An API call is answered, or refused with StoreUnavailable, within so many seconds.
BOUND = 5.0
EXECUTIONS = 24
LONG = (pytest.mark.chaos, pytest.mark.timeout(300))


async def test_a_server_that_crashes_again_while_it_recovers(
    own_postgres_server: PostgresServer, tmp_path: Path
) -> None:
    server = own_postgres_server
    async with running(new_database(server.url), tmp_path) as (on_trial, ids):
        await crash(server)
        await crash_while_starting(server)
        assert await answer_of(on_trial, ids[0]) == "unavailable"
        await asyncio.to_thread(server.start)
        await crash(server)
        await asyncio.to_thread(server.start)
        ids += await on_trial.begin("chain", 4)
        await judge(on_trial, ids)


async def crash(server: PostgresServer) -> None:
    await asyncio.to_thread(server.stop, "immediate")


async def crash_while_starting(server: PostgresServer) -> None:
    """Stop it as soon as there is a process, which then replays the log."""
    starting = asyncio.create_task(asyncio.to_thread(server.start))
    async with asyncio.timeout(20):
        while True:
            if server.is_running:
                break
            await asyncio.sleep(0.005)
    await crash(server)
    with suppress(RuntimeError):
        await starting


@pytest.mark.parametrize("cuts", [12, pytest.param(150, marks=LONG)])
async def test_connections_that_are_cut_again_and_again(
    postgres_url: str, tmp_path: Path, cuts: int
) -> None:
    url = new_database(postgres_url)
    async with running(url, tmp_path) as (on_trial, ids):
        for _ in range(cuts):
            await asyncio.to_thread(cut_all_connections, postgres_url, url)
            ids += await on_trial.begin("chain")
            await answer_of(on_trial, ids[-1])
        await judge(on_trial, ids)


def cut_all_connections(server: str, url: str) -> None:
    query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(query, (urlsplit(url).path[1:],))


async def test_a_server_without_a_free_connection(
    own_postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """Ours are cut, and somebody else takes every place before we are back."""
    server = own_postgres_server
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET superuser_reserved_connections = 0")
    url = new_database(server.url)
    async with running(url, tmp_path) as (on_trial, ids):
        with ExitStack() as places:
            await asyncio.to_thread(take_all_places, places, server.url, url)
            assert await answer_of(on_trial, ids[0]) == "unavailable"
        assert await on_trial.row(ids[0])
        ids += await on_trial.begin("chain", 4)
        await judge(on_trial, ids)


def take_all_places(places: ExitStack, server: str, url: str) -> None:
    """Take them until none is left and those of this database have none."""
    query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    own = places.enter_context(psycopg.connect(server, autocommit=True))
    name = urlsplit(url).path[1:]
    while True:
        with suppress(psycopg.OperationalError):
            while True:
                places.enter_context(psycopg.connect(server, connect_timeout=5))
        if not own.execute(query, (name,)).fetchall():
            return


@pytest.mark.parametrize("answers", [20, pytest.param(250, marks=LONG)])
async def test_an_answer_to_a_commit_that_is_lost(
    postgres_url: str, tmp_path: Path, answers: int
) -> None:
    async with (
        lossy_proxy(new_database(postgres_url), random.Random(4021)) as (proxy, url),
        running(url, tmp_path) as (on_trial, ids),
    ):
        proxy.losing = True
        while proxy.lost < answers:
            ids += await on_trial.begin("mixed", 2)
        proxy.losing = False
        await judge(on_trial, ids)


@asynccontextmanager
async def running(url: str, folder: Path) -> AsyncIterator[tuple[Trial, list[str]]]:
    """Executions that are running in a worker process, and the front they were begun at."""
    effects = folder / "effects"
    async with trial(url, effects) as on_trial:
        with ExitStack() as processes:
            starting = worker_process(url, effects)
            worker = await asyncio.to_thread(processes.enter_context, starting)
            ids = await on_trial.begin("slow_chain", EXECUTIONS)
            await asyncio.to_thread(worker.until, "body:first:done")
            yield on_trial, ids
            assert worker.is_running


async def answer_of(on_trial: Trial, execution_id: str) -> str:
    """What a caller gets who asks for an execution: within a bound, and nothing else."""
    began = monotonic()
    try:
        row = await on_trial.house.service.details(LOCAL, execution_id)
        answer = row.id
    except StoreUnavailable:
        answer = "unavailable"
    assert monotonic() - began < BOUND
    return answer


async def judge(on_trial: Trial, ids: list[str]) -> None:
    """Nothing is lost and nothing doubled, and nobody had to help."""
    rows = await on_trial.ended(ids, within=40)
    assert Counter(row.status for row in rows) == {"completed": len(ids)}
    assert await on_trial.findings(ids) == []
