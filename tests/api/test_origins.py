"""Which pages may call, under which names the server answers, and what its answers forbid."""

from __future__ import annotations

import httpx
import pytest
from starlette.types import ASGIApp

from chaingraph.api.app import build_app
from chaingraph.execution.principals import LOCAL
from tests.api.fake_service import FakeService
from tests.api.peers import connected


def client(app: ASGIApp, base: str = "http://localhost:4021") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base)


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost.:4021", "127.0.0.1:4021", "127.0.0.2", "[::1]:4021", "[::1]"],
)
async def test_a_server_for_this_machine_answers_to_its_names(host: str) -> None:
    app = build_app(FakeService(), only_here=True)
    async with client(app) as here:
        answer = await here.get("/health", headers={"host": host})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example:4021", "localhost.evil.example", "127.0.0.1.evil.example", "[", ""]
)
async def test_it_answers_to_no_name_that_a_page_gave_it(host: str) -> None:
    """A page of `evil.example` may let that name mean this machine, and is then of one origin."""
    app = build_app(FakeService(), only_here=True)
    async with client(app) as here:
        answer = await here.get("/api/v1/flows", headers={"host": host})
    assert answer.status_code == 403
    assert "--auth" in answer.text


@pytest.mark.parametrize("origin", ["http://[", "null", "", "http://evil.example", "file://"])
async def test_a_page_that_is_no_place_here_may_change_nothing(origin: str) -> None:
    async with client(build_app(FakeService())) as here:
        answer = await here.post("/api/v1/executions", json={}, headers={"origin": origin})
    assert answer.status_code == 403


async def test_other_servers_answer_to_every_name() -> None:
    async with client(build_app(FakeService()), "http://flows.example") as anywhere:
        assert (await anywhere.get("/health")).status_code == 200


async def test_answers_are_not_guessed_at_framed_or_kept() -> None:
    async with client(build_app(FakeService())) as here:
        answer = await here.get("/api/v1/flows")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_a_stream_says_itself_that_it_is_not_kept() -> None:
    service = FakeService()
    execution_id = await service.create(LOCAL, "quick")
    await service.start(LOCAL, execution_id)
    async with client(build_app(service)) as here:
        path = f"/api/v1/executions/{execution_id}/events"
        answer = await here.get(path, headers={"accept": "text/event-stream"})
    assert answer.headers["cache-control"] == "no-cache, no-transform"


async def test_a_socket_under_a_strange_name_is_closed() -> None:
    app = build_app(FakeService(), only_here=True)
    async with connected(app, headers=[("host", "evil.example:4021")]) as peer:
        message = await peer.message()
    assert (message["type"], message["code"]) == ("websocket.close", 1008)
