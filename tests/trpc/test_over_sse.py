"""Server-sent events, read as they were written."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from chaingraph.trpc.over_sse import PING, RETURN, EventReader, ServerSent, connected

STREAM = (
    connected() + 'data: {"a":"\u2028é"}\n\n'.encode() + b"id: 7\r\ndata: 1\r\n\r\n" + PING + RETURN
)
EVENTS = [
    ServerSent("connected", "{}"),
    ServerSent("message", '{"a":"\u2028é"}'),
    ServerSent("message", "1"),
    ServerSent("ping", ""),
    ServerSent("return", ""),
]


def read(chunks: list[bytes]) -> list[ServerSent]:
    reader = EventReader()
    return [event for chunk in chunks for event in reader.feed(chunk)]


@given(st.sets(st.integers(0, len(STREAM))))
def test_events_are_the_same_wherever_the_bytes_are_cut(cuts: set[int]) -> None:
    ends = [0, *sorted(cuts), len(STREAM)]
    assert read([STREAM[a:b] for a, b in itertools.pairwise(ends)]) == EVENTS


@given(st.integers(0, len(STREAM)))
def test_a_stream_that_breaks_has_given_whole_events_only(end: int) -> None:
    found = read([STREAM[:end]])
    assert found == EVENTS[: len(found)]


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert read([b"data: a\xff\n\n"]) == [ServerSent("message", "a\N{REPLACEMENT CHARACTER}")]


def test_several_lines_of_data_are_one_text_and_comments_are_nothing() -> None:
    assert read([b": hello\n\ndata: a\ndata: b\n\nevent: x\n\n"]) == [ServerSent("message", "a\nb")]
