"""Both versions of the npm clients, and a server for them to call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chaingraph.api.identity.credentials import Credentials
from chaingraph.api.identity.visitor import Gate
from chaingraph.execution.principals import LOCAL, Principal
from tests.wire.clients import Clients
from tests.wire.packages import NEWEST, PINNED, installed
from tests.wire.server import Server, open_server


@pytest.fixture(scope="session", params=[PINNED, NEWEST])
def clients(
    request: pytest.FixtureRequest,
    node: Path,
    npm: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Clients:
    """The clients as the lock file has them, and the newest of the same major version."""
    version: str = request.param
    return Clients(version, node, installed(version, npm, tmp_path_factory))


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with open_server() as server:
        yield server


@pytest.fixture
def address(server: Server) -> str:
    return server.address


@pytest.fixture
async def strict_address() -> AsyncIterator[str]:
    """Where a server is that wants to know who calls, and knows the token `admin` only."""
    async with open_server(gate=Gate(by_token)) as server:
        yield server.address


async def by_token(credentials: Credentials) -> Principal | None:
    return LOCAL if credentials.token == "admin" else None
