"""Databases for the crash matrix: ready to be copied, one for each case."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from chaingraph.durable.database import Database, database_url
from chaingraph.durable.schema import upgrade
from tests.crash.cases import Warm
from tests.servers import new_database

#: Makes a new database and gives its URL.
MakeDatabase = Callable[[], str]


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    process = Warm()
    yield process
    process.close()


@pytest.fixture(params=["sqlite", "postgres"])
def make_database(request: pytest.FixtureRequest, tmp_path: Path) -> MakeDatabase:
    if request.param == "postgres":
        return _postgres(request.getfixturevalue("postgres_url"))
    return _sqlite(tmp_path)


@pytest.fixture
def make_sqlite(tmp_path: Path) -> MakeDatabase:
    return _sqlite(tmp_path)


def _sqlite(folder: Path) -> MakeDatabase:
    template = folder / "template.db"
    _upgrade(f"sqlite:///{template}")

    def make() -> str:
        path = folder / f"{uuid4().hex}.db"
        shutil.copy(template, path)
        return f"sqlite:///{path}"

    return make


def _postgres(server: str) -> MakeDatabase:
    template = new_database(server)
    _upgrade(template)

    def make() -> str:
        name = f"test_{uuid4().hex}"
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(urlsplit(template).path[1:])
        )
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(copy)
        return urlsplit(server)._replace(path=f"/{name}").geturl()

    return make


def _upgrade(url: str) -> None:
    database = Database(database_url(url))
    upgrade(database)
    database.close()
