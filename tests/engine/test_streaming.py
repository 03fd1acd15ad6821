"""Streams between running nodes: live, complete, and after a crash."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from chaingraph.engine.authoring import Stream, StreamWriter, node
from chaingraph.engine.catalog import Catalog
from chaingraph.engine.channel import Channel
from chaingraph.engine.chunks import BATCH_ITEMS
from chaingraph.engine.events import EventType
from chaingraph.engine.node import Context
from chaingraph.flow.build import FlowBuilder, NodeHandle
from chaingraph.flow.model import Flow
from chaingraph.nodes.basic_values import TextNode
from chaingraph.nodes.streams import stream_buffer_node
from tests.laboratory import MAX_VALUE_BYTES, Lab, Run, lab_of, started

ITEMS = ["a", "b", "c"]


@dataclass
class Mill:
    """A producer `Grind` that sends what it is told and then waits, and readers of it."""

    items: list[str] = field(default_factory=lambda: list(ITEMS))
    more: asyncio.Event = field(default_factory=asyncio.Event)
    error: BaseException | None = None
    begun: int = 0
    #: per reading node, what each of its runs has read so far
    read: dict[str, list[list[str]]] = field(default_factory=dict)
    #: called with each item that is read
    on_item: Callable[[Context, str], None] = lambda ctx, item: None

    def catalog(self) -> Catalog:
        @node(kind="pure", output="stream")
        async def grind() -> AsyncIterator[str]:
            self.begun += 1
            for item in self.items:
                yield item
            await self.more.wait()
            if self.error is not None:
                raise self.error

        async def reading(ctx: Context, stream: Stream[str]) -> str:
            mine: list[str] = []
            self.read.setdefault(ctx.node_id, []).append(mine)
            async for item in stream:
                mine.append(item)
                self.on_item(ctx, item)
            return "".join(mine)

        @node(name="Read", kind="pure")
        async def read(ctx: Context, stream: Stream[str]) -> str:
            return await reading(ctx, stream)

        @node(name="Act")
        async def act(ctx: Context, stream: Stream[str]) -> str:
            return await reading(ctx, stream)

        return Catalog.of(grind, read, act, TextNode, stream_buffer_node)

    def flow(self, *readers: str) -> tuple[Lab, FlowBuilder]:
        """A producer `mill` and readers, each by the name of its type in small letters."""
        lab = Lab(self.catalog())
        build = FlowBuilder("mill", lab.catalog)
        mill = build.add("Grind", "mill")
        for name in readers:
            build.add(name.rstrip("123").capitalize(), name, stream=mill["stream"])
        return lab, build


def set_after(count: int, event: asyncio.Event) -> Callable[[Context, str], None]:
    """Set the event when so many items were read, by whomever."""
    seen: list[str] = []

    def on_item(ctx: Context, item: str) -> None:
        seen.append(item)
        if len(seen) == count:
            event.set()

    return on_item


async def test_readers_run_while_the_producer_runs_and_each_gets_everything() -> None:
    mill = Mill()
    mill.on_item = set_after(9, mill.more)  # the producer ends only when all have read all
    lab, build = mill.flow("read1", "read2", "act")
    run = await lab.run(build.build())
    assert mill.read == {"read1": [ITEMS], "read2": [ITEMS], "act": [ITEMS]}
    assert run.value("read1", "result") == "abc"
    assert run.value("mill", "stream").items == ITEMS


async def test_a_reader_that_comes_late_gets_everything() -> None:
    mill = Mill()
    mill.more.set()
    lab, build = mill.flow()
    build.add("Read", "late")
    build.connect("mill.stream", "late.stream")
    build.connect("mill.__success", "late.__execute")
    run = await lab.run(build.build())
    assert run.value("late", "result") == "abc"


async def test_an_effect_sees_committed_items_only() -> None:
    mill = Mill(items=[str(i % 10) for i in range(BATCH_ITEMS * 2 + 5)])
    mill.more.set()
    lab, build = mill.flow("act")
    committed: list[str] = []
    ahead: list[str] = []

    def on_item(ctx: Context, item: str) -> None:
        mine = mill.read["act"][0]
        if mine[:] != committed_items(lab, ctx.execution_id)[: len(mine)]:
            ahead.append(item)

    mill.on_item = on_item
    run = await lab.run(build.build())
    assert ahead == []
    assert run.value("act", "result") == "".join(mill.items)
    chunks = run.all(EventType.NODE_STREAM_CHUNK, "mill")
    assert [each.data["from"] for each in chunks] == sorted(each.data["from"] for each in chunks)
    for each in chunks:
        committed += each.data["items"]
    assert committed == mill.items
    assert {each.data["attempt"] for each in chunks} == {1}


def committed_items(lab: Lab, execution_id: str) -> list[str]:
    return [
        item
        for entry in lab.journal.committed(execution_id)
        if entry.type is EventType.NODE_STREAM_CHUNK
        for item in entry.data["items"]
    ]


async def test_the_chunks_come_before_the_completion_of_their_producer() -> None:
    mill = Mill()
    mill.more.set()
    lab, build = mill.flow("read")
    own = (await lab.run(build.build())).of("mill")
    assert own[-3:] == ["node:stream-chunk", "node:status-changed", "node:completed"]


@pytest.mark.parametrize("reader", ["read", "act"])
async def test_the_failure_of_a_producer_fails_its_readers_with_its_error(reader: str) -> None:
    mill = Mill(error=ValueError("torn"))
    mill.on_item = set_after(3, mill.more)
    lab, build = mill.flow(reader)
    run = await lab.run(build.build())
    assert run.failure("mill") == ("ValueError", "torn")
    assert run.failure(reader) == ("StreamFailed", "torn")
    assert mill.read == {reader: [ITEMS]}


async def test_readers_of_a_cancelled_producer_hear_what_its_node_says() -> None:
    mill = Mill(error=asyncio.CancelledError())
    mill.on_item = set_after(3, mill.more)
    lab, build = mill.flow("read")
    run = await lab.run(build.build())
    assert run.failure("mill") == ("Error", "The body cancelled itself")
    assert run.failure("read") == ("StreamFailed", "The body cancelled itself")


async def test_an_unconnected_stream_has_ended() -> None:
    lab = Lab(Mill().catalog())
    build = FlowBuilder("alone", lab.catalog)
    build.add("StreamBufferNode", "alone")
    assert (await lab.run(build.build())).value("alone", "buffer") == ""


async def test_an_item_of_the_wrong_type_fails_the_producer() -> None:
    mill = Mill(items=["a", 7])  # type: ignore[list-item]
    mill.more.set()
    lab, build = mill.flow("read")
    run = await lab.run(build.build())
    message = "port stream[]: expected a string, got int (7)"
    assert run.failure("mill") == ("PortError", message)
    assert run.value("mill", "stream").error == message


async def test_an_item_that_is_too_large_fails_the_producer() -> None:
    mill = Mill(items=["x" * MAX_VALUE_BYTES])
    mill.more.set()
    lab, build = mill.flow()
    name, message = (await lab.run(build.build())).failure("mill")
    assert name == "ValueTooLarge"
    assert message.startswith("The value of an item of port stream is")


async def test_a_body_may_close_its_stream_and_go_on() -> None:
    release = asyncio.Event()

    @node(kind="pure")
    async def talk(said: StreamWriter[str]) -> str:
        await said.send("a")
        said.close()
        await release.wait()
        return "more"

    @node(kind="pure")
    async def hear(said: Stream[str]) -> str:
        text = "".join([item async for item in said])
        release.set()
        return text

    lab = Lab(Catalog.of(talk, hear))
    build = FlowBuilder("talk", lab.catalog)
    build.add("Hear", "hear", said=build.add("Talk", "talk")["said"])
    run = await lab.run(build.build())
    assert run.value("hear", "result") == "a"
    assert run.value("talk", "result") == "more"


async def crashed(mill: Mill, lab: Lab, build: FlowBuilder) -> tuple[Run, int]:
    """Run until the stream's items are committed, then crash; what is in the journal by then."""
    segment = await lab.begin(build.build())
    work = asyncio.create_task(lab.work(segment))
    await lab.until(segment.execution_id, "node:stream-chunk", "mill")
    work.cancel()
    await asyncio.wait([work])
    run = await lab.seen(segment.execution_id)
    return run, len(run.events)


@pytest.mark.parametrize("concurrency", [1, 50])
@pytest.mark.parametrize("reader", ["read", "act"])
async def test_readers_in_flight_begin_anew_with_their_producer(
    reader: str, concurrency: int
) -> None:
    mill = Mill()
    lab, build = mill.flow(reader)
    # The producer stands behind its reader in the flow, and waits for a node that stands last.
    build.add("TextNode", "last", text="")
    build.connect("last.__success", "mill.__execute")
    flow = build.build()
    order = [reader, "mill", "last"]
    moved = Flow(flow.id, flow.metadata, {n: flow.nodes[n] for n in order}, flow.edges)
    segment = await lab.begin(moved, maxConcurrency=concurrency)
    work = asyncio.create_task(lab.work(segment))
    await lab.until(segment.execution_id, "node:stream-chunk", "mill")
    work.cancel()
    await asyncio.wait([work])
    run = await lab.seen(segment.execution_id)

    mill.items, mill.read = ["x", "y"], {}
    mill.more.set()
    resumed = await run.resumed_at(len(run.events))
    assert mill.begun == 2
    assert mill.read == {reader: [["x", "y"]]}
    assert resumed.value(reader, "result") == "xy"
    assert resumed.value("mill", "stream").items == ["x", "y"]
    chunks = resumed.all(EventType.NODE_STREAM_CHUNK, "mill")
    assert [each.data["attempt"] for each in chunks] == [1, 2]
    restarted = [each.data["nodeId"] for each in resumed.events if each.data.get("attempt") == 2]
    assert restarted.index("mill") == 0


async def test_a_completed_reader_keeps_its_output_when_the_producer_runs_again() -> None:
    mill = Mill()

    @node(kind="pure")
    async def first(ctx: Context, stream: Stream[str]) -> str:
        async for item in stream:
            return item
        return ""

    lab = Lab(Catalog.of(mill.catalog(), first))
    build = FlowBuilder("mill", lab.catalog)
    build.add("First", "first", stream=build.add("Grind", "mill")["stream"])
    run, position = await crashed(mill, lab, build)
    assert run.statuses == {"mill": "executing", "first": "completed"}

    mill.items = ["x"]
    mill.more.set()
    resumed = await run.resumed_at(position)
    assert resumed.value("first", "result") == "a"
    assert started(resumed.events) == ["mill", "first", "mill"]
    assert resumed.value("mill", "stream").items == ["x"]


@pytest.mark.parametrize("reader", ["read", "act"])
async def test_a_reader_of_a_completed_producer_reads_the_journal(reader: str) -> None:
    mill = Mill()
    mill.more.set()
    lab, build = mill.flow(reader)
    run = await lab.run(build.build())
    done = run.one(EventType.NODE_COMPLETED, "mill").position
    assert done < run.one(EventType.NODE_COMPLETED, reader).position
    mill.read.clear()
    resumed = await run.resumed_at(done + 1)
    assert mill.begun == 1
    assert mill.read == {reader: [ITEMS]}
    assert resumed.value(reader, "result") == "abc"


async def test_a_once_reader_that_was_started_is_interrupted() -> None:
    mill = Mill()

    @node(kind="once")
    async def pay(stream: Stream[str]) -> None:
        async for _ in stream:
            pass

    lab = Lab(Catalog.of(mill.catalog(), pay))
    build = FlowBuilder("mill", lab.catalog)
    build.add("Pay", "pay", stream=build.add("Grind", "mill")["stream"])
    run, position = await crashed(mill, lab, build)
    mill.more.set()
    resumed = await run.resumed_at(position)
    assert resumed.failure("pay")[0] == "Interrupted"
    assert resumed.statuses["mill"] == "completed"


async def test_what_lies_in_a_stored_stream_is_read() -> None:
    lab = Lab(Mill().catalog())
    build = FlowBuilder("stored", lab.catalog)
    build.add("Read", "read")
    flow = build_with_buffer(build, ["old"])
    assert (await lab.run(flow)).value("read", "result") == "old"


def build_with_buffer(build: FlowBuilder, items: list[Any]) -> Flow:
    build.set(NodeHandle("read")["stream"], {"type": "stream", "buffer": items, "isClosed": False})
    return build.build()


async def test_a_producer_waits_while_the_journal_cannot_keep_up() -> None:
    channel, room = Channel(), asyncio.Event()

    async def wait() -> None:
        await room.wait()

    channel.room = wait
    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(StreamWriter[str](channel).send("first"))
        assert await anext(channel.read()) == "first"
        assert not sending.done()
        room.set()
    assert sending.done()


async def test_long_items_do_not_gather_into_one_huge_batch() -> None:
    @node(name="Long", kind="pure")
    async def long() -> AsyncIterator[str]:
        for _ in range(8):
            yield "x" * 40_000

    lab, build = lab_of(long)
    build.add("Long", "long")
    run = await lab.run(build.build())
    chunks = [e.data["items"] for e in run.all(EventType.NODE_STREAM_CHUNK, "long")]
    assert sum(map(len, chunks)) == 8
    assert max(map(len, chunks)) <= 3
