"""wsLink and createWSClient: calls, subscriptions and the life of the connection."""

from __future__ import annotations

from chaingraph.api.websocket import KeepAlive
from chaingraph.execution.principals import LOCAL
from tests.wire.clients import Clients, Report
from tests.wire.server import Server, open_server

BEGUN = {"begun": {"success": True}, "error": None, "started": 1, "timesAreDates": True}
TOO_LARGE = 1009
ROW = {"status": "completed", "options": {"debug": True}, "createdAtIsDate": True}


async def test_any_client_sees_every_event_and_completes_by_itself(
    clients: Clients, address: str
) -> None:
    seen = await clients.play("ws", "plainLife", address)
    assert seen.items() >= BEGUN.items()
    assert seen["types"][0] == "execution:created"
    assert seen["types"][-1] == "flow:completed"
    assert seen["indexes"] == list(range(-1, len(seen["types"]) - 1))
    assert seen["completedByItself"] is True
    assert seen["row"] == ROW


async def test_a_client_of_the_original_sees_its_own_events_and_stays_subscribed(
    clients: Clients, address: str
) -> None:
    seen = await clients.play("ws", "originalLife", address)
    assert seen.items() >= BEGUN.items()
    assert seen["types"][0] == "execution:created"
    assert seen["types"][-1] == "flow:completed"
    assert seen["indexes"] == sorted(seen["indexes"])
    assert seen["completedByItself"] is False
    assert seen["node"] == {"id": "product", "type": "MathNode"}
    assert seen["flowCreatedAtIsDate"] is True
    assert seen["row"] == ROW


async def test_refusals_come_with_code_number_and_path_and_the_socket_stays(
    clients: Clients, strict_address: str
) -> None:
    seen = await clients.play("ws", "refused", strict_address, token="admin")
    assert seen.pop("sockets") == [1, 1]
    subscribing = "subscribeToExecutionEvents"
    assert {name: told(each) for name, each in seen.items()} == {
        "gone": ("NOT_FOUND", -32004, 404, subscribing),
        "wrong": ("BAD_REQUEST", -32600, 400, subscribing),
        "otherKind": ("NOT_FOUND", -32004, 404, "getExecutionDetails"),
        "unknown": ("NOT_FOUND", -32004, 404, "constructor"),
        "empty": ("BAD_REQUEST", -32600, 400, "create"),
        "nobody": ("UNAUTHORIZED", -32001, 401, "create"),
        "nobodyAgain": ("UNAUTHORIZED", -32001, 401, "create"),
    }
    problems = {"formErrors": [], "fieldErrors": {"flowId": ["Required"]}}
    assert seen["empty"]["error"]["data"]["zodError"] == problems
    assert seen["otherKind"]["error"]["message"] == (
        'No "mutation"-procedure on path "getExecutionDetails"'
    )


def told(outcome: Report) -> tuple[str, int, int, str]:
    error = outcome["error"]
    data = error["data"]
    return data["code"], error["number"], data["httpStatus"], data["path"]


async def test_calls_of_one_frame_are_answered_each_in_its_own(
    clients: Clients, address: str
) -> None:
    seen = await clients.play("ws", "batch", address)
    assert seen["good"] == seen["executionId"]
    assert seen["gone"]["code"] == "NOT_FOUND"
    assert seen["tree"] == 1
    (frame,) = seen["sent"]
    assert [each["method"] for each in frame] == ["query"] * 3
    assert len(seen["received"]) == 3
    assert {each["id"] for each in seen["received"]} == {each["id"] for each in frame}


async def test_subscriptions_of_one_socket_end_each_by_itself(
    clients: Clients, server: Server
) -> None:
    first, second = [await server.service.create(LOCAL, "asking") for _ in range(2)]
    async with clients.playing(
        "ws", "several", server.address, first=first, second=second
    ) as playing:
        assert await playing.heard() == "following"
        assert server.service.followers == 3
        await playing.answer()
        assert await playing.heard() == "left one"
        await server.service.until_followed_by(2)
        await playing.answer()
        assert await playing.heard() == "closed"
        await server.service.until_followed_by(0)
        await playing.answer()
        seen = await playing.report()
    assert seen["ended"][:2] == [[True, False], [True, True]]
    assert seen["opened"] == 1
    assert seen["stops"] >= 1


async def test_too_large_a_message_closes_the_socket_and_the_client_comes_back(
    clients: Clients, address: str
) -> None:
    seen = await clients.play("ws", "tooLarge", address, size=16 * 1024 * 1024)
    assert seen["closed"] == [TOO_LARGE]
    assert seen["large"] is None
    assert seen["small"] == ["executionId"]


async def test_a_lazy_client_connects_for_a_call_and_again_for_the_next(
    clients: Clients, address: str
) -> None:
    seen = await clients.play("ws", "lazy", address)
    assert seen == {"before": 0, "first": "NOT_FOUND", "again": "NOT_FOUND", "opened": 2}


async def test_a_client_that_pings_is_answered(clients: Clients, address: str) -> None:
    seen = await clients.play("ws", "clientPings", address)
    assert seen["pongs"] >= 3
    assert seen["pings"] >= seen["pongs"]
    assert seen["opened"] == 1


async def test_a_silent_client_is_pinged_and_stays_connected(clients: Clients) -> None:
    async with open_server(keep_alive=KeepAlive(0.05, 5.0)) as server:
        seen = await clients.play("ws", "serverPings", server.address)
    assert seen["pongs"] >= 2
    assert (seen["opened"], seen["call"]) == (1, "NOT_FOUND")
