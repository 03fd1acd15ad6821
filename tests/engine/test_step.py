"""One node's way from ready to ended, also over a crash."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chaingraph.engine.authoring import NodeError, node, passthrough
from chaingraph.engine.events import EventType
from chaingraph.engine.node import Context, NodeType
from tests.laboratory import lab_of, started


async def test_error_ports_catch() -> None:
    @node(kind="pure", quick=True)
    def broken() -> str:
        raise ValueError("no luck")

    lab, build = lab_of(broken)
    build.add("Broken", "broken")
    build.add("TextNode", "then")
    build.connect("broken.__success", "then.__execute")
    caught = build.add("TextNode", "caught")
    build.connect("broken.__error", "caught.__execute")
    build.connect("broken.__errorMessage", caught["text"])
    run = await lab.run(build.build())
    assert run.failure("broken") == ("ValueError", "no luck")
    assert run.value("caught", "text") == "no luck"
    assert run.statuses == {"broken": "error", "then": "skipped", "caught": "completed"}


async def test_an_error_without_a_message_is_shown_by_its_name() -> None:
    @node(kind="pure", quick=True)
    def broken() -> None:
        raise ValueError

    lab, build = lab_of(broken)
    build.add("Broken", "broken")
    assert (await lab.run(build.build())).failure("broken") == ("ValueError", "ValueError")


@pytest.mark.parametrize(
    ("said", "message"),
    [({"__errorMessage": "no luck"}, "no luck"), ({}, "node did not complete successfully")],
)
async def test_a_body_may_say_that_it_did_not_succeed(said: dict[str, Any], message: str) -> None:
    broken = NodeType("Broken", lambda values, ctx: {"__success": False, **said}, {})
    lab, build = lab_of(broken)
    build.add("Broken", "broken")
    assert (await lab.run(build.build())).failure("broken") == ("Error", message)


async def test_a_group_completes_after_its_children() -> None:
    release = asyncio.Event()

    @node(kind="pure")
    async def first() -> None:
        await release.wait()

    @node(kind="pure", quick=True)
    def last() -> None:
        release.set()

    lab, build = lab_of(first, last)
    group = build.add("GroupNode", "group")
    build.add("First", "first", parent=group)
    build.add("Last", "last", parent=group)
    run = await lab.run(build.build())
    ended = [e.data["nodeId"] for e in run.events if e.type is EventType.NODE_COMPLETED]
    assert ended == ["last", "first", "group"]


async def test_a_once_node_that_was_started_is_interrupted_by_a_crash() -> None:
    calls: list[str] = []

    @node(kind="once")
    async def pay() -> str:
        calls.append("paid")
        return "receipt"

    lab, build = lab_of(pay)
    build.add("Pay", "pay")
    build.add("TextNode", "caught", text="")
    build.connect("pay.__errorMessage", "caught.text")
    run = await lab.run(build.build())
    assert calls == ["paid"]
    (crash,) = [c for c in run.cuts() if run.events[c - 1].type is EventType.NODE_STARTED]
    resumed = await run.resumed_at(crash)
    assert calls == ["paid"]
    assert started(resumed.events) == ["pay", "caught"]
    name, message = resumed.failure("pay")
    assert name == "Interrupted"
    assert "may run only once" in message
    assert resumed.value("caught", "text") == message


async def test_an_effect_is_repeated_after_a_crash_with_the_same_key() -> None:
    keys: list[tuple[str, int]] = []

    @node()
    async def call(ctx: Context) -> None:
        keys.append((ctx.idempotency_key, ctx.attempt))

    lab, build = lab_of(call)
    build.add("Call", "call")
    run = await lab.run(build.build())
    (crash,) = [c for c in run.cuts() if run.events[c - 1].type is EventType.NODE_STARTED]
    resumed = await run.resumed_at(crash)
    assert keys == [(f"{run.id}/call", 1), (f"{run.id}/call", 2)]
    again = resumed.all(EventType.NODE_STARTED, "call")
    assert [each.data.get("attempt") for each in again] == [None, 2]


async def test_a_started_node_keeps_its_inputs_over_a_crash() -> None:
    """The better source came later: too late, the first one's value is in the journal."""
    waits, release = [True], asyncio.Event()

    @node()
    async def better() -> str:
        return "better"

    @node()
    async def take(text: str = "") -> str:
        if waits.pop():
            release.set()
            await asyncio.Event().wait()
        return text

    lab, build = lab_of(better, take)
    build.add("Take", "take")
    build.connect(build.add("Better", "better")["result"], "take.text")
    build.connect(build.add("TextNode", "first", text="first")["text"], "take.text")
    segment = await lab.begin(build.build())
    work = asyncio.create_task(lab.work(segment))
    await release.wait()
    await lab.until(segment.execution_id, "node:completed", "better")
    work.cancel()
    await asyncio.wait([work])
    run = await lab.seen(segment.execution_id)
    assert run.statuses == {"take": "executing", "better": "completed", "first": "completed"}

    waits.append(False)
    resumed = await run.resumed_at(len(run.events))
    assert resumed.value("take", "result") == "first"
    transfers = [e for e in resumed.events if e.type is EventType.EDGE_TRANSFER_COMPLETED]
    assert len(transfers) == 1


@pytest.mark.parametrize("kind", ["effect", "once"])
@pytest.mark.parametrize("execute", [True, False])
async def test_an_effect_begins_after_its_own_start_is_committed(kind: str, execute: bool) -> None:
    """Also a node that is switched on only by an edge: it announces itself before its body."""
    committed: list[list[str]] = []

    @node(kind="pure", quick=True)
    def yes() -> bool:
        return True

    @node(kind=kind)
    async def call(ctx: Context) -> None:
        entries = await lab.journal.read(ctx.execution_id, 0, 1000)
        committed.append([each.type for each in entries][-3:])

    lab, build = lab_of(yes, call)
    build.add("Yes", "yes")
    call_node = build.add("Call", "call")
    build.set(call_node["__execute"], execute)
    build.connect("yes.result", "call.__execute")
    await lab.run(build.build())
    start = ["node:status-changed", "node:started"]
    transfer = ["edge:transfer-completed"]
    assert committed == [[*start, *transfer] if execute else [*transfer, *start]]


async def test_an_index_that_no_array_has_fails_the_transfer() -> None:
    @node(kind="pure", quick=True)
    def take(items: list[str] | None = None) -> None: ...

    lab, build = lab_of(take)
    text = build.add("TextNode", "text", text="x")
    build.add("Take", "take")
    build.connect(text["text"], "take.items[2000000]")
    run = await lab.run(build.build())
    assert run.one(EventType.NODE_SKIPPED, "take").data["reason"] == "edge transfer failed"
    assert run.last.type is EventType.FLOW_COMPLETED


async def test_a_node_inside_a_tool_is_only_marked_completed_and_its_schema_passed_on() -> None:
    called: list[str] = []
    capture = {"nodeSchemaCapture": {"enabled": True, "capturedNodeId": "tool"}}

    @node(kind="pure", quick=True)
    def tool() -> None:
        called.append("tool")

    @node(category="tools")
    class Collect:
        schema: dict[str, Any] | None = passthrough({"name": "tool"}, ui=capture)
        go: bool = False

    @node()
    async def use(schema: dict[str, Any] | None = None) -> Any:
        return schema

    @node()
    async def never() -> bool:
        raise NodeError("no")

    lab, build = lab_of(Collect, tool, use, never)
    build.add("Collect", "parent", go=build.add("Never", "never")["result"])
    build.add("Tool", "tool", parent="parent")
    build.add("Use", "use")
    build.connect("parent.schema", "use.schema")
    run = await lab.run(build.build())
    assert run.value("use", "result") == {"name": "tool"}
    ends = {"tool": "completed", "use": "completed", "never": "error", "parent": "skipped"}
    assert run.statuses == ends
    for cut in run.cuts():
        resumed = await run.resumed_at(cut)
        assert resumed.value("use", "result") == {"name": "tool"}
        assert resumed.statuses == ends
    assert called == []
