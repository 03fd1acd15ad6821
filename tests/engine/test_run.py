"""How bodies are run, and how they end. Streams have a file of their own."""

from __future__ import annotations

import asyncio
import math
import threading
from typing import Annotated, Any

import pytest

from chaingraph.engine.authoring import NodeError, node, output, passthrough, port
from chaingraph.engine.catalog import Catalog
from chaingraph.engine.events import EventType
from chaingraph.engine.node import Context
from chaingraph.engine.options import Options
from chaingraph.execution.records import LOCAL, Segment, Status
from chaingraph.flow.build import FlowBuilder
from chaingraph.nodes.basic_values import TextNode
from chaingraph.nodes.flow_control import GroupNode
from tests.laboratory import MAX_VALUE_BYTES, Lab, Run, lines, started

STOPPED = "Node slow was stopped: enough"


async def ran(lab: Lab, build: FlowBuilder, **options: Any) -> Run:
    return await lab.run(build.build(), **options)


def lab_of(*things: object) -> tuple[Lab, FlowBuilder]:
    lab = Lab(Catalog.of(TextNode, GroupNode, *things))
    return lab, FlowBuilder("test", lab.catalog)


async def stopped(lab: Lab, segment: Segment, when: asyncio.Event) -> Run:
    """Run a segment and stop it when the event is set."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(lab.work(segment))
        await when.wait()
        await lab.service.stop(LOCAL, segment.execution_id, reason="enough")
    return await lab.seen(segment.execution_id)


async def test_no_more_bodies_run_at_once_than_the_options_say() -> None:
    running, most, full = 0, 0, asyncio.Event()

    @node(kind="pure")
    async def busy() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 3:
            full.set()
        await full.wait()
        running -= 1

    lab, build = lab_of(busy)
    for _ in range(10):
        build.add("Busy")
    run = await ran(lab, build, maxConcurrency=3)
    assert most == 3
    assert set(run.statuses.values()) == {"completed"}


class Endless:
    """A body that waits for ever, and tells what became of it."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.cancelled = False

    async def __call__(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


def endless() -> tuple[Endless, Lab, FlowBuilder]:
    body = Endless()

    @node(name="Slow", kind="pure")
    async def slow() -> None:
        await body()

    lab, build = lab_of(slow)
    build.add("Slow", "slow")
    return body, lab, build


async def test_a_node_time_out_cancels_the_body_and_the_flow_goes_on() -> None:
    body, lab, build = endless()
    build.add("TextNode", "after")
    build.connect("slow.__error", "after.__execute")
    run = await ran(lab, build, nodeTimeoutMs=200)
    assert body.cancelled
    assert run.failure("slow") == ("Error", "Node slow execution timed out after 200 ms.")
    assert run.statuses == {"slow": "error", "after": "completed"}
    assert run.stored.row.status is Status.COMPLETED


async def test_a_flow_time_out_cancels_bodies_before_the_flow_fails() -> None:
    body, lab, build = endless()
    run = await ran(lab, build, flowTimeoutMs=1)
    assert body.cancelled
    assert lines(run)[-3:] == [
        "3 node:status-changed slow error",
        "4 node:failed slow Node slow was stopped: Flow execution timed out after 1 ms",
        "5 flow:failed Flow execution timed out after 1 ms",
    ]
    assert run.stored.row.status is Status.FAILED
    assert run.stored.row.error_message == "Flow execution timed out after 1 ms"


async def test_a_flow_whose_time_is_over_already_ends_at_once() -> None:
    body, lab, build = endless()
    segment = await lab.begin(build.build(), flowTimeoutMs=60_000)
    first = asyncio.create_task(lab.work(segment))
    await body.begun.wait()
    first.cancel()
    await asyncio.wait([first])
    seen = await lab.seen(segment.execution_id)
    other, again = await seen.crashed_at(len(seen.events))
    other.clock.move(60_000)
    await other.work(again)
    assert (await other.seen(seen.id)).last.type is EventType.FLOW_FAILED


async def test_stop_cancels_bodies_before_the_flow_is_cancelled() -> None:
    body, lab, build = endless()
    run = await stopped(lab, await lab.begin(build.build()), body.begun)
    assert body.cancelled
    assert lines(run)[-3:] == [
        "3 node:status-changed slow error",
        f"4 node:failed slow {STOPPED}",
        "5 flow:cancelled enough",
    ]
    assert run.stored.row.status is Status.STOPPED


async def test_a_body_may_have_the_last_word_when_it_is_stopped() -> None:
    begun = asyncio.Event()

    @node(kind="pure")
    async def slow() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise NodeError("not finished") from None

    lab, build = lab_of(slow)
    build.add("Slow", "slow")
    run = await stopped(lab, await lab.begin(build.build()), begun)
    assert run.failure("slow") == ("Error", "not finished")


@pytest.mark.parametrize("last_word", [None, NodeError("not finished")])
async def test_a_worker_that_is_shut_down_records_nothing_more(
    last_word: Exception | None,
) -> None:
    begun = asyncio.Event()

    @node(kind="pure")
    async def slow() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if last_word is not None:
                raise last_word from None
            raise

    lab, build = lab_of(slow)
    build.add("Slow", "slow")
    segment = await lab.begin(build.build())
    work = asyncio.create_task(lab.work(segment))
    await begun.wait()
    await lab.until(segment.execution_id, "node:started", "slow")
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    run = await lab.seen(segment.execution_id)
    assert run.last.type is EventType.NODE_STARTED


async def test_a_body_that_cancels_itself_fails_its_node() -> None:
    @node(kind="pure")
    async def slow() -> None:
        raise asyncio.CancelledError

    lab, build = lab_of(slow)
    build.add("Slow", "slow")
    run = await ran(lab, build)
    assert run.failure("slow") == ("Error", "The body cancelled itself")
    assert run.last.type is EventType.FLOW_COMPLETED


async def test_quick_bodies_run_on_the_loop_and_other_sync_bodies_in_daemon_threads() -> None:
    seen: dict[str, threading.Thread] = {}

    @node(kind="pure", quick=True)
    def quick() -> None:
        seen["quick"] = threading.current_thread()

    @node(kind="pure")
    def slow() -> None:
        seen["slow"] = threading.current_thread()

    lab, build = lab_of(quick, slow)
    build.add("Quick")
    build.add("Slow")
    await ran(lab, build)
    assert seen["quick"] is threading.current_thread()
    assert seen["slow"] is not threading.current_thread()
    assert seen["slow"].daemon


async def test_a_blocked_thread_does_not_delay_the_end_and_its_late_result_is_dropped() -> None:
    begun, release = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    after: list[bool] = []
    over = asyncio.Event()

    @node()
    def slow(ctx: Context) -> str:
        loop.call_soon_threadsafe(begun.set)
        release.wait()
        after.append(ctx.cancelled)
        ctx.log("too late")
        loop.call_soon_threadsafe(over.set)
        return "late"

    lab, build = lab_of(slow)
    build.add("Slow", "slow")
    run = await stopped(lab, await lab.begin(build.build()), begun)
    assert run.last.type is EventType.FLOW_CANCELLED
    assert run.failure("slow") == ("Error", STOPPED)

    release.set()
    await over.wait()
    assert after == [True]
    assert (await lab.seen(run.id)).events == run.events


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
    run = await ran(lab, build)
    assert run.failure("broken") == ("ValueError", "no luck")
    assert run.value("caught", "text") == "no luck"
    assert run.statuses == {"broken": "error", "then": "skipped", "caught": "completed"}


async def test_a_node_may_say_itself_that_it_did_not_succeed() -> None:
    @node(kind="pure", quick=True)
    def broken() -> None:
        raise ValueError

    lab, build = lab_of(broken)
    build.add("Broken", "broken")
    assert (await ran(lab, build)).failure("broken") == ("ValueError", "ValueError")


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
    run = await ran(lab, build)
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
    run = await ran(lab, build)
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
    run = await ran(lab, build)
    (crash,) = [c for c in run.cuts() if run.events[c - 1].type is EventType.NODE_STARTED]
    resumed = await run.resumed_at(crash)
    assert keys == [(f"{run.id}/call", 1), (f"{run.id}/call", 2)]
    again = resumed.all(EventType.NODE_STARTED, "call")
    assert [each.data.get("attempt") for each in again] == [None, 2]


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
    await ran(lab, build)
    start = ["node:status-changed", "node:started"]
    transfer = ["edge:transfer-completed"]
    assert committed == [[*start, *transfer] if execute else [*transfer, *start]]


async def test_what_a_body_does_to_its_values_is_seen_by_nobody_else() -> None:
    seen: dict[str, Any] = {}

    @node(kind="pure", quick=True)
    class Spoil:
        items: list[Any] | None = passthrough(None)
        given: dict[str, Any] | None = output(None)

        def run(self, ctx: Context) -> None:
            assert self.items is not None
            self.given = {"kept": self.items}
            seen[ctx.node_id] = [*self.items]
            self.items[0]["n"] += 1
            self.items.append("more")

    lab, build = lab_of(Spoil)
    first = build.add("Spoil", "first", items=[{"n": 1}])
    build.add("Spoil", "left", items=first["items"])
    build.add("Spoil", "right", items=first["items"])
    run = await ran(lab, build)
    assert seen["left"][1:] == seen["right"][1:] == ["more"]
    assert run.value("first", "items") == [{"n": 2}, "more"]
    assert run.value("left", "items") == [{"n": 3}, "more", "more"]
    assert run.value("right", "items") == [{"n": 3}, "more", "more"]
    assert run.value("first", "given") == {"kept": [{"n": 2}, "more"]}


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
    await ran(lab, build, events=[{"eventName": "rain", "payload": {"drops": []}}])
    assert seen == [{"drops": []}, {"drops": []}]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (math.nan, "port result: expected a number, got float (nan)"),
        ("many", "port result: expected a number, got str ('many')"),
        ([1], "port result: expected a number, got list"),
        (10**5000, "The value cannot be written as JSON"),
    ],
    ids=["nan", "text", "array", "endless"],
)
async def test_a_value_the_port_cannot_hold_fails_the_node(value: Any, message: str) -> None:
    @node(kind="pure", quick=True)
    def give() -> float:
        return value  # type: ignore[no-any-return]

    lab, build = lab_of(give)
    build.add("Give", "give")
    name, said = (await ran(lab, build)).failure("give")
    assert name == "Error"
    assert said.startswith(message)


@pytest.mark.parametrize(
    "value", ["x" * MAX_VALUE_BYTES, [0] * MAX_VALUE_BYTES, b"x" * 2_000_000], ids=type
)
async def test_a_value_that_is_too_large_fails_the_node(value: Any) -> None:
    @node(kind="pure", quick=True)
    def give() -> Any:
        return value

    lab, build = lab_of(give)
    build.add("Give", "give")
    name, message = (await ran(lab, build)).failure("give")
    assert name == "Error"
    assert message.startswith("The value of port result is ")
    assert message.endswith("bytes; the limit is 1,048,576")


async def test_an_emitted_event_that_is_too_large_fails_the_node() -> None:
    @node(kind="pure", quick=True)
    def tell(ctx: Context) -> None:
        ctx.emit_event("news", "x" * MAX_VALUE_BYTES)

    lab, build = lab_of(tell)
    build.add("Tell", "tell")
    assert (await ran(lab, build)).failure("tell")[1].startswith("The value of event news is ")


async def test_an_index_that_no_array_has_fails_the_transfer() -> None:
    @node(kind="pure", quick=True)
    def take(items: list[str] | None = None) -> None: ...

    lab, build = lab_of(take)
    text = build.add("TextNode", "text", text="x")
    build.add("Take", "take")
    build.connect(text["text"], "take.items[2000000]")
    run = await ran(lab, build)
    assert run.one(EventType.NODE_SKIPPED, "take").data["reason"] == "edge transfer failed"
    assert run.last.type is EventType.FLOW_COMPLETED


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
    run = await ran(lab, build)
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
    assert (await ran(lab, build)).failure("slow") == ("PortError", message)


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
    run = await ran(lab, build)
    assert run.of("tell")[-4:] == [
        "node:debug-log-string",
        "node:debug-log-string",
        "node:status-changed",
        "node:completed",
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
    run = await ran(lab, build)
    assert EventType.NODE_DEBUG_LOG not in {each.type for each in run.events}
    assert run.statuses == {"tell": "completed", "later": "completed"}


def test_options_that_say_nothing_are_the_defaults() -> None:
    nothing = {"execution": {"maxConcurrency": None, "nodeTimeoutMs": None}}
    assert Options.from_json(nothing) == Options.from_json(None) == Options()
