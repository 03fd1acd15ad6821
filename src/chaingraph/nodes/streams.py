"""Nodes that read and write streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from chaingraph.engine.authoring import NodeError, Stream, node, port
from chaingraph.nodes.javascript import to_string


@node(category="data", title="Stream Buffer", kind="pure", output="buffer")
async def stream_buffer_node(
    inputStream: Stream[str] | None = None, separator: str = ""
) -> Annotated[str, port("")]:
    """All items of a stream in one text, once it has ended."""
    if inputStream is None:
        return ""
    return separator.join([to_string(item) async for item in inputStream])


@node(category="data", title="Text Stream", kind="pure", output="outputStream")
async def text_stream_node(
    text: str = "",
    chunkSize: Annotated[int, port(title="Chunk Size", min=1)] = 16,
    pause: Annotated[float, port(title="Pause (ms)", min=0)] = 0,
) -> AsyncIterator[str]:
    """A text in chunks, one after the other, with a pause between them."""
    if chunkSize < 1:
        raise NodeError("The chunk size must be at least 1")
    for at in range(0, len(text), int(chunkSize)):
        if at and pause > 0:
            await asyncio.sleep(pause / 1000)
        yield text[at : at + int(chunkSize)]
