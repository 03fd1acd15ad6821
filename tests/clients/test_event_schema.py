"""The declared data of events is what real executions send, in both views."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest

from chaingraph.api.schema.events import COMPACT, FULL
from chaingraph.api.schema.parts import Data
from chaingraph.client import AsyncClient, Event
from chaingraph.client.following import View
from chaingraph.engine.authoring import Context, NodeError, node
from chaingraph.engine.events import EventType
from chaingraph.execution.principals import LOCAL
from chaingraph.flow.codec import parse_flow_text
from chaingraph.modes import House
from tests.client.conftest import first_of

DECLARED: Mapping[View, Mapping[str, type[Data]]] = {"full": FULL, "compact": COMPACT}
EVENTFUL = """
id: eventful
nodes:
  early: {type: EarlyNode}
  heard: {type: EventListenerNodeV2, inputs: {eventName: news}}
  words: {type: WordsNode}
  flaky: {type: FlakyNode, retry: {attempts: 2, delayMs: 1}}
  hopeless: {type: BreakNode, retry: {attempts: 1, then: pause}}
  never: {type: TextNode}
  nothing: {type: NothingNode}
  needs: {type: NeedsNode}
  big: {type: BigNode}
edges:
  - hopeless.result -> never.text
  - nothing.result -> needs.text
"""
NUMBER = """
id: number
nodes:
  held: {type: TextNode, inputs: {text: x}}
  long: {type: SleepNode, inputs: {duration: 5000}}
  number: {type: WaitForSignalNode, inputs: {name: go, schema: {type: number}}}
  short: {type: SleepNode, inputs: {duration: 10}}
"""


@node()
def early_node(ctx: Context) -> str:
    ctx.log("early")
    ctx.resolve_port("result", "x")
    ctx.emit_event("news", {"n": 1})
    return "x"


@node()
async def words_node() -> AsyncIterator[str]:
    yield "one"


@node()
def flaky_node(ctx: Context) -> str:
    if ctx.attempt == 1:
        raise NodeError("not yet")
    return "now"


@node()
def nothing_node() -> str | None:
    return None


@node()
def needs_node(text: str) -> str:
    return text


@node()
def big_node() -> str:
    return "x" * 300_000


@pytest.fixture
async def executions(house: House, client: AsyncClient) -> list[str]:
    """Executions that have ended, with all that can happen to one."""
    house.catalog.add(early_node, words_node, flaky_node, nothing_node, needs_node, big_node)
    for text in (EVENTFUL, NUMBER):
        await house.service.import_flow(LOCAL, parse_flow_text(text, "a flow", house.catalog))
    return [
        (await client.run("sum")).execution_id,
        *await steered(client),
        *await with_children(client),
        *await eventful(client),
        *await out_of_time(client),
    ]


async def steered(client: AsyncClient) -> list[str]:
    execution_id = await client.create("number", options={"breakpoints": ["held"]})
    await client.signal(execution_id, "go", "no number")
    await client.start(execution_id)
    await first_of(client, execution_id, "debug:breakpoint-hit")
    await client.set_breakpoints(execution_id, [{"nodeId": "held", "condition": "values"}])
    await client.step(execution_id)
    await client.resume(execution_id)
    await first_of(client, execution_id, "signal:rejected")
    await client.pause(execution_id, tree=True)
    await client.resume(execution_id)
    await client.signal(execution_id, "go", 5)
    await first_of(client, execution_id, "flow:parked")
    await client.stop(execution_id, reason="enough")
    await first_of(client, execution_id, "flow:cancelled")
    return [execution_id]


async def with_children(client: AsyncClient) -> list[str]:
    good = (await client.run("parent")).execution_id
    bad = await client.create("asker")
    await client.start(bad)
    child = (await first_of(client, bad, "child:spawned")).data["executionId"]
    await first_of(client, child, "flow:parked")
    await client.stop(child)
    await first_of(client, bad, "flow:completed")
    return [good, bad, child]


async def eventful(client: AsyncClient) -> list[str]:
    execution_id = await client.create("eventful")
    await client.start(execution_id)
    await first_of(client, execution_id, "flow:paused")
    await client.resume(execution_id)
    await first_of(client, execution_id, "flow:parked")
    await client.stop(execution_id)
    await first_of(client, execution_id, "flow:cancelled")
    fork = await client.fork(execution_id, nodes=["nothing"])
    await client.stop(fork)
    await first_of(client, fork, "flow:cancelled")
    return [execution_id, fork]


async def out_of_time(client: AsyncClient) -> list[str]:
    options = {"execution": {"flowTimeoutMs": 20}}
    return [(await client.run("number", options=options)).execution_id]


async def events_of(client: AsyncClient, executions: list[str], view: View) -> list[Event]:
    return [each for one in executions async for each in client.follow(one, view=view)]


def test_every_type_of_event_is_declared() -> None:
    assert FULL.keys() == set(EventType)
    assert COMPACT.keys() == {*EventType, "flow:snapshot"}


async def test_events_are_as_they_are_declared(client: AsyncClient, executions: list[str]) -> None:
    for view, declared in DECLARED.items():
        seen = await events_of(client, executions, view)
        assert {each.type for each in seen} == declared.keys()
        for event in seen:
            declared[event.type].model_validate(event.data, strict=True)
