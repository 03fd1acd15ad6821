"""Subscriptions through httpSubscriptionLink, which are server-sent events."""

from __future__ import annotations

from chaingraph.execution.principals import LOCAL
from tests.wire.clients import Clients
from tests.wire.server import Server


async def test_a_subscription_sees_every_event_and_completes_by_itself(
    clients: Clients, strict_address: str
) -> None:
    seen = await clients.play("sse", "life", strict_address, token="admin")
    assert seen["first"] == "execution:created"
    assert seen["types"][-1] == "flow:completed"
    assert seen["indexes"] == list(range(-1, len(seen["indexes"]) - 1))
    assert seen["timesAreDates"] is True
    assert seen["error"] is None
    assert seen["states"] == ["connecting", "pending", "idle"]
    assert (seen["started"], seen["stopped"]) == (1, 1)
    assert seen["requests"][0] == {"lastEventId": None, "accept": "text/event-stream"}
    assert len(seen["requests"]) == 2  # one for each subscription: nobody came back
    assert seen["later"]["indexes"] == seen["indexes"][2:]
    assert seen["batches"] == len(seen["later"]["indexes"])


async def test_a_refused_subscription_ends_with_the_error_of_a_call(
    clients: Clients, strict_address: str
) -> None:
    seen = await clients.play("sse", "refused", strict_address, token="admin")
    path = "subscribeToExecutionEvents"
    unknown = seen.pop("unknown")
    assert unknown["data"] is None
    assert "404" in unknown["message"]
    assert {name: (each["data"]["code"], each["data"]["path"]) for name, each in seen.items()} == {
        "gone": ("NOT_FOUND", path),
        "wrong": ("BAD_REQUEST", path),
        "nothing": ("BAD_REQUEST", path),
        "nobody": ("UNAUTHORIZED", path),
    }
    assert list(seen["wrong"]["data"]["zodError"]["fieldErrors"]) == ["batchSize"]
    assert seen["gone"]["data"]["zodError"] is None


async def test_who_unsubscribes_leaves_nothing_running(clients: Clients, server: Server) -> None:
    execution_id = await server.service.create(LOCAL, "asking")
    async with clients.playing(
        "sse", "leaving", server.address, executionId=execution_id
    ) as playing:
        assert await playing.heard() == "following"
        assert server.service.followers == 1
        await playing.answer()
        assert await playing.heard() == "left"
        await server.service.until_followed_by(0)
        await playing.answer()
        assert await playing.report() == {"completed": True}
