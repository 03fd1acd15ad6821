"""The heartbeat: it goes on while the loop is busy, and says when a life is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from chaingraph.durable import heartbeat as beating
from chaingraph.durable import tables as t
from chaingraph.durable.heartbeat import heartbeat
from tests.conformance.backends import Backend, sql_backend
from tests.conformance.steps import join

PATIENCE = 10.0


@pytest.fixture
async def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Backend]:
    monkeypatch.setattr(beating, "BEAT_SECONDS", 0.02)
    async with sql_backend(f"sqlite:///{tmp_path / 'chaingraph.db'}") as opened:
        await join(opened, "w1")
        yield opened


def beats(backend: Backend) -> int:
    """The beats so far, read without the event loop."""
    assert backend.database is not None
    with backend.database.engine.connect() as connection:
        return int(connection.execute(sa.select(t.workers.c.beat)).scalar_one())


def beats_reach(backend: Backend, count: int) -> bool:
    """Hold the event loop until there were so many beats."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if beats(backend) >= count:
            return True
    return False


async def test_a_busy_loop_does_not_stop_the_beat(backend: Backend) -> None:
    assert backend.database is not None
    over = asyncio.Event()
    async with heartbeat(backend.database.url, "w1", declared_dead=over.set):
        assert beats_reach(backend, 5)
    assert not over.is_set()


async def test_a_beat_without_a_live_row_ends_the_life(backend: Backend) -> None:
    assert backend.database is not None
    over = asyncio.Event()
    async with asyncio.timeout(PATIENCE):
        async with heartbeat(backend.database.url, "w1", declared_dead=over.set):
            assert beats_reach(backend, 1)
            while not await backend.fleet.declare_dead("w1", beats(backend)):
                pass
            await over.wait()
    count = beats(backend)
    assert not await backend.fleet.beat("w1")
    assert beats(backend) == count


async def test_a_loop_that_stood_still_for_long_ends_the_life(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert backend.database is not None
    monkeypatch.setattr(beating, "LOOP_PATIENCE", 0.1)
    over = asyncio.Event()
    async with asyncio.timeout(PATIENCE):
        async with heartbeat(backend.database.url, "w1", declared_dead=over.set):
            hold_the_loop_until_the_beat_stops(backend)
            await over.wait()


def hold_the_loop_until_the_beat_stops(backend: Backend) -> None:
    last, since = beats(backend), time.monotonic()
    while time.monotonic() - since < 0.5:
        if beats(backend) != last:
            last, since = beats(backend), time.monotonic()


async def test_no_beat_comes_after_the_end(backend: Backend) -> None:
    assert backend.database is not None
    async with heartbeat(backend.database.url, "w1", declared_dead=lambda: None):
        assert beats_reach(backend, 1)
    count = beats(backend)
    await backend.fleet.beat("w1")
    assert beats(backend) == count + 1
