"""Group commit when the database is away, slow, or asked too much."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import psycopg
import pytest

from chaingraph.durable import writer
from chaingraph.durable.append_sqlite import append_sqlite
from chaingraph.errors import Fenced, StoreUnavailable
from chaingraph.execution.ports import Append
from tests.conformance.backends import Backend, sql_backend
from tests.conformance.conftest import copied
from tests.conformance.steps import batch, ending, leased, positions, types


class Sqlite:
    """The real append, with things that happen to it."""

    def __init__(self) -> None:
        self.groups: list[int] = []
        self.fails_before: int = 0
        self.fails_after: int = 0
        self.may_go = threading.Event()
        self.may_go.set()
        self.has_come = threading.Event()

    def __call__(
        self, connection: sqlite3.Connection, members: Sequence[Append], now: int
    ) -> set[str]:
        self.groups.append(len(members))
        self.has_come.set()
        self.may_go.wait(10)
        if self.fails_before:
            self.fails_before -= 1
            raise sqlite3.OperationalError("gone before the commit")
        accepted = append_sqlite(connection, members, now)
        if self.fails_after:
            self.fails_after -= 1
            raise sqlite3.OperationalError("gone after the commit")
        return accepted


@pytest.fixture
def sqlite(monkeypatch: pytest.MonkeyPatch) -> Sqlite:
    fake = Sqlite()
    monkeypatch.setattr(writer, "append_sqlite", fake)
    monkeypatch.setattr(writer, "PAUSE", 0.0)
    return fake


@pytest.fixture
async def backend(tmp_path: Path, sqlite: Sqlite) -> AsyncIterator[Backend]:
    async with sql_backend(f"sqlite:///{tmp_path / 'chaingraph.db'}") as opened:
        yield opened


async def test_an_append_outlives_a_short_absence(backend: Backend, sqlite: Sqlite) -> None:
    lease = await leased(backend)
    sqlite.fails_before = 3
    await backend.journal.append(batch(lease, 1))
    assert await positions(backend) == [0, 1]


async def test_a_lost_answer_is_asked_for_again(backend: Backend, sqlite: Sqlite) -> None:
    lease = await leased(backend)
    sqlite.fails_after = 1
    await backend.journal.append(batch(lease, 1))
    sqlite.fails_after = 1
    await backend.journal.append(ending(lease, 2))
    assert await types(backend) == ["execution:created", "node:started", "flow:completed"]


async def test_the_lost_answer_of_a_group_is_asked_for_again(
    backend: Backend, sqlite: Sqlite
) -> None:
    leases = [await leased(backend, f"EX{n}") for n in range(4)]
    sqlite.fails_after = 1
    await asyncio.gather(*(backend.journal.append(batch(lease, 1)) for lease in leases))
    assert [await positions(backend, f"EX{n}") for n in range(4)] == [[0, 1]] * 4


async def test_a_long_absence_is_told(
    backend: Backend, sqlite: Sqlite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PATIENCE", 0.0)
    leases = [await leased(backend, f"EX{n}") for n in range(2)]
    sqlite.fails_before = 1_000
    appends = (backend.journal.append(batch(lease, 1)) for lease in leases)
    done = await asyncio.gather(*appends, return_exceptions=True)
    assert [type(each) for each in done] == [StoreUnavailable] * 2
    sqlite.fails_before = 0
    await backend.journal.append(batch(leases[0], 1))


async def test_what_gathers_during_a_commit_goes_together(backend: Backend, sqlite: Sqlite) -> None:
    leases = [await leased(backend, f"EX{n}") for n in range(5)]
    sqlite.may_go.clear()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(backend.journal.append(batch(leases[0], 1)))
        await asyncio.to_thread(sqlite.has_come.wait, 10)
        for lease in leases[1:]:
            tasks.create_task(backend.journal.append(batch(lease, 1)))
        await asyncio.sleep(0)
        sqlite.may_go.set()
    assert sqlite.groups == [1, 4]


async def test_a_large_append_goes_alone(backend: Backend, sqlite: Sqlite) -> None:
    leases = [await leased(backend, f"EX{n}") for n in range(3)]
    large = batch(leases[1], 1, data=b"x" * (writer.ALONE_BYTES + 1))
    group = [batch(leases[0], 1), large, batch(leases[2], 1)]
    await asyncio.gather(*map(backend.journal.append, group))
    assert sqlite.groups == [2, 1]


async def test_an_append_that_nobody_waits_for_is_not_written(
    backend: Backend, sqlite: Sqlite
) -> None:
    one, other = await leased(backend, "EX1"), await leased(backend, "EX2")
    sqlite.may_go.clear()
    first = asyncio.create_task(backend.journal.append(batch(one, 1)))
    await asyncio.to_thread(sqlite.has_come.wait, 10)
    second = asyncio.create_task(backend.journal.append(batch(other, 1)))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait([second])
    sqlite.may_go.set()
    await first
    await backend.journal.append(batch(one, 2))
    assert await positions(backend, "EX2") == [0]


async def test_a_refused_append_is_tried_again_alone(backend: Backend, sqlite: Sqlite) -> None:
    leases = [await leased(backend, f"EX{n}") for n in range(3)]
    group = [batch(leases[0], 7), batch(leases[1], 1), batch(leases[2], 1)]
    done = await asyncio.gather(*map(backend.journal.append, group), return_exceptions=True)
    assert [type(each) for each in done] == [Fenced, type(None), type(None)]
    assert sqlite.groups == [3, 1]


async def test_a_locked_row_delays_nobody_else(postgres_url: str, upgraded_template: str) -> None:
    url = copied(postgres_url, upgraded_template)
    async with sql_backend(url) as backend:
        locked, *free = [await leased(backend, f"EX{n}") for n in range(3)]
        large = batch(locked, 2, data=b"x" * (writer.ALONE_BYTES + 1))
        for held_up in (batch(locked, 1), large):
            with psycopg.connect(url) as other:
                other.execute("SELECT 1 FROM chaingraph_executions WHERE id = 'EX0' FOR UPDATE")
                late = asyncio.create_task(backend.journal.append(held_up))
                async with asyncio.timeout(10):
                    for lease in free:
                        await backend.journal.append(batch(lease, held_up.expected))
                assert not late.done()
            await late
        assert await positions(backend, "EX0") == [0, 1, 2]
