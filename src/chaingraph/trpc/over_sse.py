"""A subscription as server-sent events.

`CONNECTED` comes first. A stream that ends well ends with `RETURN`, without which the client
comes back and subscribes again; one that fails ends with `error_event`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chaingraph.trpc.codes import Failure
from chaingraph.trpc.transformer import Transformer, write_json

HEADERS: Final[Mapping[str, str]] = {
    "content-type": "text/event-stream",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
    "connection": "keep-alive",
    "vary": "trpc-accept, accept",
}


def _event(name: str, data: str) -> bytes:
    # The data line is there even when it is empty: EventSource drops an event without one.
    return f"event: {name}\ndata: {data}\n\n".encode()


CONNECTED: Final = _event("connected", "{}")
PING: Final = _event("ping", "")
RETURN: Final = _event("return", "")


def data_event(value: Any, transformer: Transformer) -> bytes:
    return f"data: {write_json(transformer.encode(value))}\n\n".encode()


def error_event(failure: Failure, path: str, transformer: Transformer) -> bytes:
    """The error's shape itself. On code -32603 the client tries again, for ever."""
    return _event("serialized-error", write_json(transformer.encode(failure.shape(path))))
