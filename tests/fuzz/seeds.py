"""Examples for a fuzzer to start from: what real clients sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

DATA = Path(__file__).parents[1] / "data"
VECTORS = json.loads((DATA / "superjson-vectors.json").read_text())
FRAMES = [json.loads(line) for line in (DATA / "trpc-frames.jsonl").read_text().splitlines()]


def envelopes() -> Iterator[Any]:
    yield from (each["serialized"] for each in VECTORS["encode"] if "serialized" in each)
    yield from (each["payload"] for each in VECTORS["decode"])


def frames() -> Iterator[bytes]:
    for kind, path in (("query", "read"), ("mutation", "write"), ("subscription", "watch")):
        for envelope in envelopes():
            params = {"path": path, "input": envelope}
            yield _text({"id": 1, "method": kind, "params": params})
    yield from (_text(each["frame"]) for each in FRAMES if each["dir"] == "out")
    yield from (b"PING", b"[]", b'{"id":1,"method":"subscription.stop"}')


def requests() -> Iterator[bytes]:
    for envelope in envelopes():
        text = _text(envelope)
        yield b"GET read input=" + quote(text).encode() + b"\n\n"
        yield b"POST write \ncontent-type: application/json\n\n" + text
        yield b'POST write,write batch=1\ncontent-type: application/json\n\n{"1":' + text + b"}"
    yield b"GET watch lastEventId=7\naccept: text/event-stream\nlast-event-id: 8\n\n"
    yield b'GET read,read batch=1&connectionParams={"a":"b"}\ntrpc-accept: application/jsonl\n\n'


def streams() -> Iterator[bytes]:
    for envelope in envelopes():
        yield b"event: connected\ndata: {}\n\nid: 7\ndata: " + _text(envelope) + b"\n\n"
    yield b": comment\r\nevent: return\r\ndata: \r\ndata: 2\r\n\r\n"


def _text(value: Any) -> bytes:
    return json.dumps(value).encode()


SEEDS: Final[Mapping[str, Callable[[], Iterator[bytes]]]] = {
    "superjson": lambda: map(_text, envelopes()),
    "session": frames,
    "request": requests,
    "events": streams,
}
