from __future__ import annotations

import pytest

from chaingraph.engine.authoring import NodeError, node_type_of
from chaingraph.engine.channel import Channel, StreamFailed
from chaingraph.nodes.streams import stream_buffer_node, text_stream_node
from tests.nodes.contexts import MemoryContext, run_body


def closed(*items: object, error: str | None = None) -> Channel:
    channel = Channel()
    for item in items:
        channel.send(item)
    channel.close(error)
    return channel


async def test_a_buffer_joins_all_items() -> None:
    values = {"inputStream": closed("a", 1.0, None, "b"), "separator": "-"}
    assert await run_body(node_type_of(stream_buffer_node), values) == {"buffer": "a-1--b"}


async def test_a_buffer_fails_with_its_stream() -> None:
    with pytest.raises(StreamFailed, match="torn"):
        await run_body(node_type_of(stream_buffer_node), {"inputStream": closed("a", error="torn")})


async def test_a_text_goes_out_in_chunks_with_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        if seconds:
            pauses.append(seconds)

    monkeypatch.setattr("asyncio.sleep", sleep)
    channel, ctx = Channel(), MemoryContext()
    values = {"text": "abcde", "chunkSize": 2, "pause": 50, "outputStream": channel}
    assert await run_body(node_type_of(text_stream_node), values, ctx) == {}
    assert (channel.items, channel.closed) == (["ab", "cd", "e"], True)
    assert pauses == [0.05, 0.05]
    assert ctx.is_port_resolved("outputStream")


async def test_a_chunk_holds_something() -> None:
    with pytest.raises(NodeError, match="at least 1"):
        await run_body(node_type_of(text_stream_node), {"text": "a", "chunkSize": 0})
