"""`backend`: every test runs on each of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from chaingraph.durable.database import Database, database_url
from chaingraph.durable.schema import upgrade
from tests.conformance.backends import Backend, memory_backend, sql_backend
from tests.servers import new_database


@pytest.fixture(scope="session")
def upgraded_template(postgres_url: str) -> str:
    """A database with all tables, to be copied: an upgrade is slow."""
    url = new_database(postgres_url)
    database = Database(database_url(url))
    upgrade(database)
    database.close()
    return urlsplit(url).path[1:]


def copied(server: str, template: str) -> str:
    name = f"test_{uuid4().hex}"
    copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))
    return urlsplit(server)._replace(path=f"/{name}").geturl()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    if request.param == "memory":
        yield memory_backend()
        return
    async with sql_backend(_url(request, tmp_path)) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgres"])
async def sql_only(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    """A backend with a database and a queue."""
    async with sql_backend(_url(request, tmp_path)) as opened:
        yield opened


def _url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'chaingraph.db'}"
    server = request.getfixturevalue("postgres_url")
    return copied(server, request.getfixturevalue("upgraded_template"))
