"""An executor in memory, and clients who say who they are by their token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from chaingraph.api.app import build_app
from chaingraph.api.identity.credentials import Credentials
from chaingraph.api.identity.visitor import Gate
from chaingraph.execution.principals import LOCAL, Principal
from chaingraph.modes import House, open_memory_house
from chaingraph.trpc.limits import Limits


async def by_token(credentials: Credentials) -> Principal | None:
    """`local` is the admin, others have their own things, and without a token one is nobody."""
    if credentials.token is None:
        return None
    return LOCAL if credentials.token == "local" else Principal(credentials.token)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_memory_house() as opened, opened.working():
        yield opened


@asynccontextmanager
async def client_of(house: House, token: str) -> AsyncIterator[httpx.AsyncClient]:
    app = build_app(house.service, gate=Gate(by_token), limits=Limits(body=10_000))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://test/api/v1",
        headers={"authorization": f"Bearer {token}"},
    ) as client:
        yield client


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(house, "local") as client:
        yield client


@pytest.fixture
async def alice(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(house, "alice") as client:
        yield client


@pytest.fixture
async def bob(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(house, "bob") as client:
        yield client
