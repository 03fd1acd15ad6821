"""What a body may tell the run it belongs to."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import pytest

from chaingraph.engine.authoring import node, port
from chaingraph.engine.events import EventType
from chaingraph.engine.node import Context
from tests.laboratory import lab_of


async def test_what_a_listener_does_to_the_event_is_seen_by_nobody_else() -> None:
    seen: list[Any] = []

    @node(kind="pure", quick=True, listens=True)
    def hear(ctx: Context, eventName: str = "rain") -> None:
        assert ctx.event is not None
        ctx.event.payload["drops"].append(1)
        seen.append(ctx.event.payload)

    lab, build = lab_of(hear)
    build.add("Hear")
    build.add("Hear")
    await lab.run(build.build(), events=[{"eventName": "rain", "payload": {"drops": []}}])
    assert seen == [{"drops": []}, {"drops": []}]


async def test_a_port_may_resolve_before_its_node_ends() -> None:
    release = asyncio.Event()

    @node(kind="pure")
    async def slow(ctx: Context) -> str:
        ctx.resolve_port("result", "early")
        ctx.resolve_port("result", "ignored")
        await release.wait()
        assert ctx.is_port_resolved("result")
        return "final"

    @node(kind="pure", quick=True)
    def take(text: str) -> str:
        release.set()
        return text

    lab, build = lab_of(slow, take)
    slow_node = build.add("Slow", "slow")
    build.add("Take", "take", text=slow_node["result"])
    run = await lab.run(build.build())
    assert run.value("take", "result") == "early"
    assert run.value("slow", "result") == "final"
    (resolved,) = run.all(EventType.NODE_PORT_RESOLVED, "slow")
    assert resolved.data["value"] == "early"
    taken = run.one(EventType.NODE_COMPLETED, "take").position
    assert taken < run.one(EventType.NODE_COMPLETED, "slow").position


@pytest.mark.parametrize("in_thread", [True, False])
@pytest.mark.parametrize(
    ("port_id", "value", "message"),
    [
        ("nowhere", 1, "port slow.nowhere: the node has no such output port"),
        ("hidden", 1, "port slow.hidden: the node has no such output port"),
        ("__success", True, "port slow.__success: the node has no such output port"),
        ("result", "text", "port result: expected a number, got str ('text')"),
    ],
)
async def test_resolving_what_cannot_be_is_the_bodys_error(
    port_id: str, value: Any, message: str, in_thread: bool
) -> None:
    @node(kind="pure", quick=not in_thread)
    def slow(ctx: Context, hidden: Annotated[float, port(0)]) -> float:
        ctx.resolve_port(port_id, value)
        return 1

    lab, build = lab_of(slow)
    build.add("Slow", "slow")
    assert (await lab.run(build.build())).failure("slow") == ("PortError", message)


@pytest.mark.parametrize("options", [{"quick": True}, {}], ids=["quick", "thread"])
async def test_lines_and_events_of_a_body_are_kept_with_its_completion(
    options: dict[str, Any],
) -> None:
    @node(kind="pure", **options)
    def tell(ctx: Context) -> None:
        ctx.log("one")
        ctx.emit_event("news", {"n": 1})
        ctx.log("two")

    lab, build = lab_of(tell)
    build.add("Tell", "tell")
    run = await lab.run(build.build())
    assert run.of("tell")[-5:] == [
        "node:debug-log-string",
        "node:debug-log-string",
        "node:status-changed",
        "node:completed",
        "child:spawned",
    ]
    assert [e.data["log"] for e in run.all(EventType.NODE_DEBUG_LOG, "tell")] == ["one", "two"]
    (emitted,) = run.one(EventType.NODE_COMPLETED, "tell").data["emitted"]
    assert (emitted["type"], emitted["data"]) == ("news", {"n": 1})
    assert emitted["id"].startswith("EV")


async def test_a_context_that_is_kept_tells_nothing_after_the_end() -> None:
    kept: list[Context] = []

    @node(kind="pure", quick=True)
    def tell(ctx: Context) -> None:
        kept.append(ctx)

    @node(kind="pure", quick=True)
    def later(text: str) -> None:
        assert kept[0].cancelled
        kept[0].log("from the grave")

    lab, build = lab_of(tell, later)
    build.add("Tell", "tell")
    build.add("Later", "later", text="")
    build.connect("tell.__success", "later.__execute")
    run = await lab.run(build.build())
    assert EventType.NODE_DEBUG_LOG not in {each.type for each in run.events}
    assert run.statuses == {"tell": "completed", "later": "completed"}
