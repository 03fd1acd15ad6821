"""The links of the package: each is driven, or named here with the reason why not."""

from __future__ import annotations

import pytest

from tests.wire.clients import Clients
from tests.wire.packages import PINNED

DRIVEN = {
    "httpLink",
    "httpBatchLink",
    "httpBatchStreamLink",
    "httpSubscriptionLink",
    "wsLink",
    "splitLink",
    "retryLink",
    "loggerLink",
}
NOT_DRIVEN = {
    "localLink": "calls a router of its own process, no server",
    "experimental_localLink": "the same, under its old name",
    "unstable_localLink": "the same, under its old name",
    "unstable_httpBatchStreamLink": "an old name of httpBatchStreamLink",
    "unstable_httpSubscriptionLink": "an old name of httpSubscriptionLink",
}


async def test_every_link_is_driven_or_known_not_to_be(clients: Clients) -> None:
    seen = await clients.play("links", "names", "nowhere")
    names = set(seen["links"])
    assert names >= DRIVEN
    unknown = names - DRIVEN - set(NOT_DRIVEN)
    if unknown and clients.version != PINNED:
        pytest.skip(f"a newer package has more links: {', '.join(sorted(unknown))}")
    assert not unknown


async def test_subscriptions_may_be_split_off_and_everything_logged(
    clients: Clients, address: str
) -> None:
    seen = await clients.play("links", "split", address)
    assert seen["types"][-1] == "flow:completed"
    assert seen["indexes"] == list(range(-1, len(seen["types"]) - 1))
    assert seen["sent"][0] == "subscription"
    assert set(seen["sent"]) <= {"subscription", "subscription.stop"}
    assert any("create" in line for line in seen["lines"])
    assert any("subscribeToExecutionEvents" in line for line in seen["lines"])


async def test_a_repeated_create_under_its_key_makes_one_execution(
    clients: Clients, address: str
) -> None:
    seen = await clients.play("links", "retry", address)
    assert seen["roots"] == [seen["created"]["value"]["executionId"]]
    assert seen["failures"] == ["lost"]
    assert seen["requests"] == 3
