"""A subscription as server-sent events, written and read.

`connected` comes first. A stream that ends well ends with `RETURN`, without which the client
comes back and subscribes again; one that fails ends with `error_event`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from chaingraph.trpc.router import Tracked
from chaingraph.trpc.transformer import write_json
from chaingraph.trpc.wire import Wire

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


PING: Final = _event("ping", "")
RETURN: Final = _event("return", "")


def connected(silence: float | None = None) -> bytes:
    """With `silence` a client comes back when it hears nothing, no ping either, for these
    seconds."""
    said = {} if silence is None else {"reconnectAfterInactivityMs": round(silence * 1000)}
    return _event("connected", write_json(said))


def data_event(value: Any, wire: Wire) -> bytes:
    """A value; a tracked one under its id, which an event source names when it comes back."""
    if isinstance(value, Tracked):
        return f"id: {value.id}\n".encode() + data_event(value.value, wire)
    return f"data: {write_json(wire.transformer.encode(value))}\n\n".encode()


def error_event(error: BaseException, path: str, wire: Wire) -> bytes:
    """The error's shape itself. On code -32603 the client tries again, for ever."""
    shape = wire.describe(error).shape(path)
    return _event("serialized-error", write_json(wire.transformer.encode(shape)))


@dataclass(frozen=True, slots=True)
class ServerSent:
    """One event as a client gets it; an event without a name is a `message`."""

    name: str
    data: str


class EventReader:
    """Makes events of a stream of bytes, wherever it is cut.

    What a stream that broke has left without its blank line is no event.
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._name = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[ServerSent]:
        """The events that this chunk completes."""
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            whole = b"".join((*self._pieces, line)).removesuffix(b"\r").decode(errors="replace")
            self._pieces.clear()
            if whole:
                self._take(whole)
            elif (event := self._complete()) is not None:
                yield event
        if rest:
            self._pieces.append(rest)

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._name = value

    def _complete(self) -> ServerSent | None:
        name, self._name = self._name, ""
        data, self._data = self._data, []
        return ServerSent(name or "message", "\n".join(data)) if data else None
