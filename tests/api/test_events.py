"""How events are written, cut into batches and queued for a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.types import Message

from chaingraph import superjson
from chaingraph.api.batches import batched
from chaingraph.api.dialects import ORIGINAL, PLAIN, Dialect, without_customs
from chaingraph.api.identity.credentials import Credentials
from chaingraph.api.outbox import Outbox
from chaingraph.execution.view import SeenEvent
from chaingraph.superjson import Custom
from chaingraph.trpc.transformer import write_json

AT = datetime(2026, 1, 1, tzinfo=UTC)
NODE = Custom("BaseNode", {"id": "n0"})


def event(position: int = 3, *, is_last: bool = False) -> SeenEvent:
    data = {"node": NODE, "at": AT}
    return SeenEvent(position, position - 1, "node:started", AT, data, is_last)


def journaled(text: bytes) -> SeenEvent:
    return SeenEvent(3, 2, "node:debug-log-string", AT, superjson.loads(text), False, text)


def test_the_original_form_has_a_bare_time_and_an_envelope_inside() -> None:
    assert superjson.encode([ORIGINAL.form(event())]) == {
        "json": [
            {
                "index": 2,
                "type": "node:started",
                "timestamp": "2026-01-01T00:00:00.000Z",
                "data": {
                    "json": {"node": {"id": "n0"}, "at": "2026-01-01T00:00:00.000Z"},
                    "meta": {"values": {"node": [["custom", "BaseNode"]], "at": ["Date"]}, "v": 1},
                },
            }
        ],
        "meta": {"values": {"0": [["custom", "ExecutionEventImpl"]]}, "v": 1},
    }


def test_the_plain_form_is_inlined_and_has_no_custom_type() -> None:
    written = PLAIN.form(event())
    assert written == {
        "index": 2,
        "type": "node:started",
        "timestamp": AT,
        "data": {"node": {"id": "n0"}, "at": AT},
    }


def test_custom_values_are_unwrapped_wherever_they_are() -> None:
    assert without_customs({"a": [NODE, {"b": Custom("X", [NODE])}]}) == {
        "a": [{"id": "n0"}, {"b": [{"id": "n0"}]}]
    }


def test_the_original_dialect_knows_only_its_own_types_unless_others_are_named() -> None:
    unasked = ORIGINAL.types([])
    assert {"flow:paused", "flow:resumed", "debug:breakpoint-hit"} <= unasked
    assert not unasked & {"node:stream-chunk", "node:waiting", "flow:parked", "child:spawned"}
    assert ORIGINAL.types(["node:stream-chunk"]) == {"node:stream-chunk"}
    assert PLAIN.types([]) == frozenset()


async def pages(
    *sizes: int, closed: list[bool] | None = None
) -> AsyncIterator[Sequence[SeenEvent]]:
    at = 0
    try:
        for size in sizes:
            page = [event(at + i) for i in range(size)]
            at += size
            yield page
        yield [event(at, is_last=True)]
    finally:
        if closed is not None:
            closed.append(True)


async def test_batches_are_never_empty_nor_larger_than_asked() -> None:
    sizes, positions = [], []
    async for batch in batched(pages(5, 0, 2), 2, 0):
        sizes.append(len(batch))
        positions += [each.position for each in batch]
    assert sizes == [2, 2, 1, 2, 1]
    assert positions == list(range(8))


async def test_a_full_page_and_the_last_event_are_followed_without_a_pause() -> None:
    async with asyncio.timeout(5):
        assert [len(batch) async for batch in batched(pages(3), 3, 3600)] == [3, 1]


async def test_a_page_that_is_not_full_is_followed_by_a_pause() -> None:
    batches = batched(pages(1), 3, 3600)
    assert len(await anext(batches)) == 1
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await anext(batches)


async def test_a_reader_that_leaves_closes_the_source() -> None:
    closed: list[bool] = []
    batches = batched(pages(1, 1, closed=closed), 1, 0)
    await anext(batches)
    await batches.aclose()
    assert closed == [True]


async def test_an_urgent_frame_overtakes_and_is_not_repeated() -> None:
    outbox, written = Outbox(), asyncio.Queue[Message]()
    await outbox.put("a")
    await outbox.put("b")
    outbox.put_urgent("PONG")
    outbox.put_urgent("PONG")
    outbox.close(1000)
    await outbox.write_to(written.put)
    messages = [written.get_nowait() for _ in range(written.qsize())]
    assert [message.get("text", message.get("code")) for message in messages] == [
        "PONG",
        "a",
        "b",
        1000,
    ]


async def test_a_full_outbox_makes_the_producer_wait_for_the_reader() -> None:
    outbox, written = Outbox(room=1), asyncio.Queue[Message]()
    await outbox.put("a")
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(outbox.put("b"))
        writer = tasks.create_task(outbox.write_to(written.put))
        assert [(await written.get())["text"] for _ in range(2)] == ["a", "b"]
        await waiting
        writer.cancel()


async def test_a_client_that_is_gone_ends_the_writer() -> None:
    async def gone(message: Message) -> None:
        raise OSError("gone")

    outbox = Outbox()
    await outbox.put("a")
    await outbox.write_to(gone)


@pytest.mark.parametrize(
    ("credentials", "token"),
    [
        (Credentials({"sessionBadAI": "p"}, "Bearer h", "session=c"), "p"),
        (Credentials({"sessionBadAI": ""}, "bearer h", "session=c"), "h"),
        (Credentials({}, "Basic h", "a=b; session=c; d=e"), "c"),
        (Credentials({}, "Bearer", ""), None),
    ],
)
def test_the_token_is_looked_for_in_params_then_header_then_cookie(
    credentials: Credentials, token: str | None
) -> None:
    assert credentials.token == token


def test_what_is_sent_is_the_form_encoded_once_for_all_who_get_the_event() -> None:
    for dialect in (ORIGINAL, PLAIN):
        shared = event()
        sent = json.loads(write_json(superjson.encode([dialect.write(shared)])))
        assert sent == json.loads(write_json(superjson.encode([dialect.form(shared)])))
        assert dialect.write(shared) is dialect.write(shared)


@pytest.mark.parametrize("dialect", [ORIGINAL, PLAIN])
@pytest.mark.parametrize(
    "data", [{"log": 'a "meta": b', "n": [1, {}]}, {"at": AT}, {"meta": 1}, {"s": "\ud800"}, {}]
)
def test_the_text_of_the_journal_is_passed_on_and_means_the_same(
    dialect: Dialect, data: dict[str, Any]
) -> None:
    passed = journaled(superjson.dumps(data))
    decoded = replace(passed, text=None)
    sent = [json.loads(write_json(superjson.encode([dialect.write(e)]))) for e in (passed, decoded)]
    assert sent[0] == sent[1]


@pytest.mark.parametrize("dialect", [ORIGINAL, PLAIN])
def test_a_batch_is_its_events_and_encoded_once_for_all_who_get_it(dialect: Dialect) -> None:
    events = [event(3), event(4)]
    sent = json.loads(write_json(superjson.encode(dialect.write_all(events))))
    each = [dialect.write(each) for each in events]
    assert sent == json.loads(write_json(superjson.encode(each)))
    assert dialect.write_all(list(events)) is dialect.write_all(events)
    others = [event(3), event(4)]
    assert others == events
    assert dialect.write_all(others) is not dialect.write_all(events)


async def test_a_frame_goes_out_at_once_when_none_is_before_it() -> None:
    outbox, written = Outbox(), asyncio.Queue[Message]()
    writer = asyncio.create_task(outbox.write_to(written.put))
    await asyncio.sleep(0)
    await outbox.put("a")
    assert written.get_nowait()["text"] == "a"
    outbox.close(1000)
    await outbox.put("b")
    await writer
    assert [written.get_nowait()["type"] for _ in range(written.qsize())] == [
        "websocket.send",
        "websocket.close",
    ]


async def test_frames_keep_their_order_behind_one_that_is_on_its_way() -> None:
    free, written = asyncio.Event(), asyncio.Queue[str]()

    async def slow(message: Message) -> None:
        await free.wait()
        written.put_nowait(message["text"])

    outbox = Outbox()
    async with asyncio.TaskGroup() as tasks:
        writer = tasks.create_task(outbox.write_to(slow))
        await asyncio.sleep(0)
        first = tasks.create_task(outbox.put("a"))
        await asyncio.sleep(0)
        await outbox.put("b")
        outbox.put_urgent("PONG")
        free.set()
        await first
        await outbox.put("c")
        assert [await written.get() for _ in range(4)] == ["a", "PONG", "b", "c"]
        writer.cancel()


async def test_a_client_that_goes_while_a_frame_is_written_troubles_nobody() -> None:
    async def gone(message: Message) -> None:
        raise OSError("gone")

    outbox = Outbox()
    writer = asyncio.create_task(outbox.write_to(gone))
    await asyncio.sleep(0)
    await outbox.put("a")
    await outbox.put("b")
    await writer
