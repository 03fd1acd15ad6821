"""What every room's tests may ask for: a PostgreSQL server, Node.js, a place for data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import (
    NotInstalled,
    PostgresServer,
    new_database,
    node_binary,
    npm_command,
    running_postgres,
)


@contextmanager
def skip_without_it() -> Iterator[None]:
    """Turn a missing program into a visible skip with its reason."""
    try:
        yield
    except NotInstalled as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server per test process, started by the first test that asks for it."""
    with skip_without_it(), running_postgres() as server:
        yield server


@pytest.fixture
def own_postgres_server() -> Iterator[PostgresServer]:
    """A server for one test alone, which may crash it and start it again."""
    with skip_without_it(), running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer) -> str:
    """The server's URL; `new_database(postgres_url)` gives a fresh database on it."""
    return postgres_server.url


@pytest.fixture
def postgres_database(postgres_url: str) -> str:
    """The URL of an empty database that no other test sees."""
    return new_database(postgres_url)


@pytest.fixture(scope="session")
def node() -> Path:
    with skip_without_it():
        return node_binary()


@pytest.fixture(scope="session")
def npm() -> list[str]:
    """The words to put before `install` and the like."""
    with skip_without_it():
        return npm_command()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory that does not exist yet, as on a user's first call."""
    return tmp_path / ".chaingraph"
