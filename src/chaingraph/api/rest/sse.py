"""Server-sent events, as an `EventSource` reads them without a library."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import orjson

from chaingraph.api.batches import closing
from chaingraph.api.failures import describe
from chaingraph.api.rest.failures import error_json
from chaingraph.execution.view import SeenEvent
from chaingraph.superjson import plain
from chaingraph.trpc.transformer import write_json

KIND: Final = "text/event-stream"
HEADERS: Final[Mapping[str, str]] = {
    "content-type": KIND,
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
    "vary": "accept",
}
COMMENT: Final = b": still here\n\n"
END: Final = b"event: end\ndata: {}\n\n"


def event_object(event: SeenEvent) -> dict[str, Any]:
    """An event as plain JSON."""
    shown = {
        "position": event.position,
        "index": event.index,
        "type": event.type,
        "timestamp": event.timestamp,
        "data": event.data,
    }
    members: dict[str, Any] = plain(shown)
    return members


def written(event: SeenEvent) -> orjson.Fragment:
    """The same as text; written once for all who get this very event."""
    text = event.written.get("rest")
    if text is None:
        text = event.written["rest"] = orjson.Fragment(write_json(event_object(event)))
    assert isinstance(text, orjson.Fragment)
    return text


def message(data: Any, id: str | None = None) -> bytes:
    """One message, which `onmessage` hears. JSON has no line breaks outside its strings."""
    head = "" if id is None else f"id: {id}\n"
    return f"{head}data: {write_json(data)}\n\n".encode()


async def to_the_end(messages: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The messages, and then `end` for who would come back; or `problem` and the error.

    Whoever comes back after a problem is answered with its status, and gives up by itself.
    """
    try:
        async with closing(messages):
            async for each in messages:
                yield each
        yield END
    except Exception as error:
        failure = describe(error)
        text = write_json(error_json(failure.code, failure.message))
        yield f"event: problem\ndata: {text}\n\n".encode()
