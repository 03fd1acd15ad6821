"""`chaingraph executions` against a server elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import pytest
from typer.testing import Result

from chaingraph.client import AsyncClient
from chaingraph.execution.principals import LOCAL
from chaingraph.flow.codec import parse_flow_text
from chaingraph.modes import open_memory_house
from chaingraph.nodes import builtin_catalog
from tests.cli.conftest import Call, objects
from tests.client.conftest import by_token, first_of, serving

Remote: TypeAlias = Callable[..., Awaitable[Result]]
FLOW = """
id: asking
nodes:
  product: {type: MathNode, inputs: {a: 6, b: 7, operation: multiply}}
  answer: {type: WaitForSignalNode, inputs: {name: approval}}
"""


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """A server that has the flow; the one who may call it is `admin`."""
    catalog = builtin_catalog()
    async with open_memory_house(catalog) as house, house.working():
        await house.service.import_flow(LOCAL, parse_flow_text(FLOW, "asking", catalog))
        async with serving(house.service, authenticate=by_token) as url:
            yield url


@pytest.fixture
def remote(call: Call, url: str) -> Remote:
    """`await remote("list")` runs the command of `chaingraph executions` against the server."""

    async def run(name: str, *words: str, token: str = "admin") -> Result:
        options = ("--server", url, "--token", token)
        return await asyncio.to_thread(call, "executions", name, *words, *options)

    return run


async def told(remote: Remote, *words: str) -> list[dict[str, Any]]:
    done = await remote(*words, "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    return objects(done.stdout)


async def until(url: str, execution: str, type_: str) -> None:
    """Return when there is such an event."""
    async with AsyncClient(url, "admin") as client:
        await first_of(client, execution, type_)


async def test_an_execution_is_led_to_its_end(remote: Remote, url: str) -> None:
    (made,) = await told(remote, "create", "asking", "--idempotency-key", "k")
    execution = made["id"]
    assert (await remote("create", "asking", "--idempotency-key", "k")).stdout.strip() == execution
    await told(remote, "breakpoints", execution, "--node", "product=a > 5")
    await told(remote, "start", execution)
    await until(url, execution, "flow:paused")
    await told(remote, "step", execution)
    await until(url, execution, "debug:stepped")
    await told(remote, "resume", execution)
    await until(url, execution, "flow:resumed")
    await told(remote, "signal", execution, "approval", "--value", "42")
    seen = await told(remote, "events", execution, "--follow")
    assert [each["position"] for each in seen] == list(range(len(seen)))
    assert seen[-1]["type"] == "flow:completed"


async def test_it_is_paused_and_stopped_there(remote: Remote, url: str) -> None:
    execution = (await remote("create", "asking")).stdout.strip()
    await told(remote, "start", execution)
    await until(url, execution, "flow:started")
    await told(remote, "pause", execution, "--reason", "lunch", "--now", "--tree")
    await until(url, execution, "flow:paused")
    assert (await remote("stop", execution, "--reason", "enough")).exit_code == 0
    *_, last = await told(remote, "events", execution, "--follow")
    assert (last["type"], last["data"]["reason"]) == ("flow:cancelled", "enough")


async def test_it_is_shown_as_it_stands(remote: Remote) -> None:
    execution = (await remote("create", "asking")).stdout.strip()
    (shown,) = await told(remote, "show", execution)
    (listed,) = await told(remote, "list", "--flow", "asking")
    (leaf,) = await told(remote, "tree", execution)
    assert (shown["id"], shown["status"], listed) == (execution, "created", shown)
    assert leaf == {"level": 0, **shown}
    assert "asking" in (await remote("tree", execution)).stdout


async def test_events_end_where_they_are_unless_followed(remote: Remote) -> None:
    execution = (await remote("create", "asking")).stdout.strip()
    (first,) = await told(remote, "events", execution)
    assert (first["position"], first["type"]) == (0, "execution:created")
    assert await told(remote, "events", execution, "--from", "1") == []
    assert await told(remote, "events", execution, "--from", "-1") == [first]
    await told(remote, "stop", execution)
    followed = await told(
        remote, "events", execution, "--tree", "--follow", "--type", first["type"]
    )
    assert followed == [{"executionId": execution, **first}]


async def test_forks_and_retries_are_started_there(remote: Remote) -> None:
    execution = (await remote("create", "asking")).stdout.strip()
    await told(remote, "start", execution)
    (forked,) = await told(remote, "fork", execution, "--node", "product", "--no-start")
    assert forked["status"] == "created"
    refused = await remote("retry", execution)
    assert (refused.exit_code, "no node has failed" in refused.stderr) == (2, True), refused.stderr


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["create", "asking", "--input", "product.a=1"], "which a server does not send"),
        (["list"], "name it with --flow"),
        (["events", "EX0", "--tree"], "--tree needs --follow"),
        (["show", "EX0"], "Execution with id EX0 not found"),
    ],
)
async def test_what_a_server_cannot_do_is_said(
    remote: Remote, words: list[str], reason: str
) -> None:
    done = await remote(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert reason in done.stderr


async def test_others_are_refused(remote: Remote) -> None:
    execution = (await remote("create", "asking")).stdout.strip()
    done = await remote("show", execution, token="somebody")
    assert (done.exit_code, "belongs to another owner" in done.stderr) == (2, True)


async def test_the_server_may_be_named_in_the_environment(
    call: Call, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAINGRAPH_SERVER", url)
    monkeypatch.setenv("CHAINGRAPH_TOKEN", "admin")
    done = await asyncio.to_thread(call, "executions", "create", "asking")
    assert done.exit_code == 0, done.stderr
