"""Published node types: written when they change, by workers that join at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa

from chaingraph.durable import tables as t
from chaingraph.durable.type_registry import SqlTypeRegistry
from tests.conformance.backends import Backend, sql_backend


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'chaingraph.db'}"
    found: str = request.getfixturevalue("postgres_database")
    return found


def registry_of(backend: Backend) -> SqlTypeRegistry:
    assert backend.database is not None
    return SqlTypeRegistry(backend.database, backend.clock)


def times(backend: Backend) -> list[int]:
    assert backend.database is not None
    query = sa.select(t.node_types.c.published_at).order_by(t.node_types.c.name)
    with backend.database.engine.connect() as connection:
        return list(connection.execute(query).scalars())


async def test_only_what_changed_is_written(url: str) -> None:
    async with sql_backend(url) as backend:
        registry, first = registry_of(backend), backend.clock()
        await registry.publish({"A": {"version": 1}, "B": {"version": 1, "text": "\0 ü"}})
        backend.clock.move(1_000)
        await registry.publish({"A": {"version": 2}, "B": {"version": 1, "text": "\0 ü"}})
        assert times(backend) == [first + 1_000, first]
        assert await registry.published() == {
            "A": {"version": 2},
            "B": {"version": 1, "text": "\0 ü"},
        }


async def test_workers_that_join_at_once_do_not_disturb_each_other(url: str) -> None:
    async with sql_backend(url) as backend:
        registry = registry_of(backend)
        types = {f"T{number}": {"version": 1} for number in range(20)}
        await asyncio.gather(*(registry.publish(types) for _ in range(8)))
        assert await registry.published() == types
