"""Queries and mutations through the three HTTP links."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from chaingraph.api.app import build_app
from chaingraph.api.farewell import Farewell
from chaingraph.execution.principals import Principal
from chaingraph.execution.service import TreeNode
from tests.api.fake_service import FakeService
from tests.wire.clients import Clients, Report
from tests.wire.server import answering, open_server

EVERY_LINK = ["httpLink", "httpBatchLink", "httpBatchStreamLink"]
links = pytest.mark.parametrize("link", EVERY_LINK)
JSON = "application/json"
MOST_BYTES = 16 * 1024 * 1024
MOST_CALLS = 100
GONE = {"code": "NOT_FOUND", "httpStatus": 404, "path": "getExecutionDetails", "zodError": None}
UNKNOWN = {"code": "NOT_FOUND", "httpStatus": 404, "path": "noSuchProcedure", "zodError": None}


@links
async def test_an_execution_lives_through_any_link(
    link: str, clients: Clients, address: str
) -> None:
    seen = await clients.play("http", "life", address, link=link)
    execution_id = seen.pop("executionId")
    assert seen == {
        "started": {"success": True},
        "status": "completed",
        "options": {"debug": True},
        "createdAtIsDate": True,
        "parent": None,
        "tree": [[execution_id, 0]],
        "newer": [execution_id],
        "older": [],
    }


@pytest.mark.parametrize(
    ("link", "statuses"),
    [("httpLink", [200, 404, 404]), ("httpBatchLink", [207]), ("httpBatchStreamLink", [200])],
)
async def test_a_member_of_a_batch_fails_alone(
    link: str, statuses: list[int], clients: Clients, address: str
) -> None:
    seen = await clients.play("http", "mixed", address, link=link)
    assert seen["good"]["value"]["id"] == seen["executionId"]
    assert seen["gone"]["error"]["data"] == GONE
    assert seen["unknown"]["error"]["data"] == UNKNOWN
    assert seen["unknown"]["error"]["message"] == 'No procedure found on path "noSuchProcedure"'
    assert sorted(each["status"] for each in seen["requests"]) == statuses
    assert {each["method"] for each in seen["requests"]} == {"GET"}
    assert {each["type"] for each in seen["requests"]} == {JSON}
    assert {each["isBatch"] for each in seen["requests"]} == {link != "httpLink"}


@links
async def test_refusals_come_with_code_number_status_path_and_fields(
    link: str, clients: Clients, address: str
) -> None:
    seen = await clients.play("http", "refused", address, link=link)
    assert {name: told(each) for name, each in seen.items()} == {
        "again": ("BAD_REQUEST", -32600, 400, "start", None),
        "empty": ("BAD_REQUEST", -32600, 400, "create", (0, ["flowId"])),
        "nothing": ("BAD_REQUEST", -32600, 400, "create", (1, [])),
        "wrongType": ("BAD_REQUEST", -32600, 400, "getRootExecutions", (0, ["after", "limit"])),
        "noFlow": ("NOT_FOUND", -32004, 404, "create", None),
        "queryOfMutation": ("METHOD_NOT_SUPPORTED", -32005, 405, "create", None),
        "mutationOfQuery": ("METHOD_NOT_SUPPORTED", -32005, 405, "getExecutionDetails", None),
        "unknown": ("NOT_FOUND", -32004, 404, "constructor", None),
    }


def told(outcome: Report) -> tuple[Any, ...]:
    """What a refusal says: how many problems of the whole, and which fields have some."""
    error = outcome["error"]
    data, problems = error["data"], error["data"]["zodError"]
    blamed = problems and (len(problems["formErrors"]), sorted(problems["fieldErrors"]))
    return data["code"], error["number"], data["httpStatus"], data["path"], blamed


@pytest.mark.parametrize("link", ["httpLink", "httpBatchLink"])
async def test_a_query_as_post_is_refused_and_a_mutation_is_one_anyway(
    link: str, clients: Clients, address: str
) -> None:
    seen = await clients.play("http", "overridden", address, link=link)
    assert seen["query"]["error"]["data"]["code"] == "METHOD_NOT_SUPPORTED"
    assert [each["method"] for each in seen["requests"]] == ["POST", "POST"]
    assert seen["requests"][0]["status"] == 200


@pytest.mark.parametrize("link", ["httpLink", "httpBatchLink"])
async def test_a_server_may_allow_queries_as_post(link: str, clients: Clients) -> None:
    async with open_server(method_override=True) as server:
        seen = await clients.play("http", "overridden", server.address, link=link)
    assert seen["query"]["value"]["status"] == "created"
    assert [each["method"] for each in seen["requests"]] == ["POST", "POST"]


@links
async def test_too_large_a_body_is_refused_and_the_connection_goes_on(
    link: str, clients: Clients, address: str
) -> None:
    seen = await clients.play("http", "tooLarge", address, link=link, size=MOST_BYTES)
    assert seen["large"]["error"]["data"] == {
        "code": "PAYLOAD_TOO_LARGE",
        "httpStatus": 413,
        "path": "create",
        "zodError": None,
    }
    assert seen["requests"][0]["status"] == (200 if link == "httpBatchStreamLink" else 413)
    assert "executionId" in seen["small"]["value"]


@pytest.mark.parametrize("link", ["httpBatchLink", "httpBatchStreamLink"])
async def test_too_large_a_batch_is_refused_as_a_whole(
    link: str, clients: Clients, address: str
) -> None:
    seen = await clients.play("http", "tooMany", address, link=link, calls=MOST_CALLS + 1)
    assert [each["status"] for each in seen["requests"]] == [400]
    assert len(seen["outcomes"]) == MOST_CALLS + 1
    for each in seen["outcomes"]:
        assert each["error"]["message"] == "Batch call exceeds maximum size"
        assert each["error"]["data"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("limit", [{"maxItems": 2}, {"maxURLLength": 300}])
async def test_a_client_that_cuts_its_batches_gets_every_answer(
    limit: dict[str, int], clients: Clients, address: str
) -> None:
    options = {"link": "httpBatchLink", "calls": 6, **limit}
    seen = await clients.play("http", "tooMany", address, **options)
    assert len(seen["requests"]) > 1
    assert [each["error"]["data"] for each in seen["outcomes"]] == [GONE] * 6


class Slow(FakeService):
    """Tells of trees when it is allowed to."""

    def __init__(self) -> None:
        super().__init__()
        self.allowed = asyncio.Event()

    async def tree(self, principal: Principal, execution_id: str) -> list[TreeNode]:
        await self.allowed.wait()
        return await super().tree(principal, execution_id)


async def test_a_call_of_a_streamed_batch_is_answered_when_it_ends(clients: Clients) -> None:
    service, farewell = Slow(), Farewell()
    async with (
        answering(build_app(service, farewell=farewell), farewell) as address,
        clients.playing("http", "asTheyEnd", address, link="httpBatchStreamLink") as playing,
    ):
        assert await playing.heard() == "one has ended"
        service.allowed.set()
        await playing.answer()
        assert await playing.report() == {"slow": 1, "requests": 2}


@dataclass
class Stuck:
    """Never answers where `path` is asked for; knows who came, and who left again."""

    app: ASGIApp
    path: str = "getExecutionsTree"
    came: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.path not in scope["path"]:
            await self.app(scope, receive, send)
            return
        self.came.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left.set()


@links
async def test_a_query_that_is_aborted_leaves_and_the_next_is_answered(
    link: str, clients: Clients
) -> None:
    stuck: list[Stuck] = []

    def behind(app: ASGIApp) -> ASGIApp:
        stuck.append(Stuck(app))
        return stuck[0]

    async with (
        open_server(behind=behind) as server,
        clients.playing("http", "aborted", server.address, link=link) as playing,
    ):
        assert await playing.heard() == "asked"
        await stuck[0].came.wait()
        await playing.answer()
        assert await playing.heard() == "aborted"
        await stuck[0].left.wait()
        await playing.answer()
        seen = await playing.report()
    assert seen["left"]["error"]["cause"] == "AbortError"
    assert seen["next"]["error"]["data"] == GONE


@links
async def test_a_bearer_token_says_who_calls(
    link: str, clients: Clients, strict_address: str
) -> None:
    seen = await clients.play("http", "known", strict_address, link=link)
    assert "executionId" in seen["admin"]["value"]
    assert told(seen["nobody"]) == ("UNAUTHORIZED", -32001, 401, "create", None)
