"""The two ways in which events go over the wire.

`ORIGINAL` speaks to clients made for the original system: custom superjson values, and a
subscription that stays open after the end. `PLAIN` is for everybody else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import is_
from typing import Any, Final, cast

from chaingraph import superjson
from chaingraph.execution.view import SeenEvent

ORIGINAL_TYPES: Final = frozenset(
    {
        "execution:created",
        "flow:subscribed",
        "flow:started",
        "flow:completed",
        "flow:failed",
        "flow:cancelled",
        "flow:paused",
        "flow:resumed",
        "node:started",
        "node:completed",
        "node:failed",
        "node:skipped",
        "node:status-changed",
        "node:debug-log-string",
        "edge:transfer-started",
        "edge:transfer-completed",
        "edge:transfer-failed",
        "debug:breakpoint-hit",
    }
)
"""What clients of the original get unasked. It never sent them `child:` events."""


@dataclass(slots=True)
class Last:
    """The batch that was written last: who follow the same execution come one after another."""

    events: Sequence[SeenEvent] = ()
    written: superjson.Prepared = field(default_factory=lambda: superjson.prepare([]))


@dataclass(frozen=True, slots=True)
class Dialect:
    """How events are written, which ones a subscriber gets who names none, and when it ends."""

    name: str
    form: Callable[[SeenEvent], Any]
    """An event as a superjson value."""
    default_types: frozenset[str]
    """Empty means all."""
    completes: bool
    """Whether a subscription ends after the terminal event."""
    last: Last = field(default_factory=Last, compare=False, repr=False)

    def write(self, event: SeenEvent) -> superjson.Prepared:
        """An event ready to be sent; encoded once for all who get this very event."""
        written = event.written.get(self.name)
        if written is None:
            form = self.form(event)
            written = form if isinstance(form, superjson.Prepared) else superjson.prepare(form)
            event.written[self.name] = written
        return cast(superjson.Prepared, written)

    def write_all(self, events: Sequence[SeenEvent]) -> superjson.Prepared:
        """A batch ready to be sent; encoded once for all who get it at about the same time."""
        last = self.last
        if len(events) != len(last.events) or not all(map(is_, events, last.events)):
            last.events = events
            last.written = superjson.prepare([self.write(event) for event in events])
        return last.written

    def types(self, named: Iterable[str]) -> frozenset[str]:
        return frozenset(named) or self.default_types


def write_original(event: SeenEvent) -> superjson.Custom | superjson.Prepared:
    """An `ExecutionEventImpl`: a bare ISO time, and data that is an envelope of its own."""
    name = "ExecutionEventImpl"
    if event.text is not None:
        return superjson.verbatim(_around(event, event.text), kind=["custom", name])
    members = {
        "index": event.index,
        "type": event.type,
        "timestamp": superjson.encode(event.timestamp)["json"],
        "data": superjson.encode(event.data),
    }
    return superjson.Custom(name, members)


def write_plain(event: SeenEvent) -> dict[str, Any] | superjson.Prepared:
    """Plain members, the time a Date."""
    undecoded = None if event.text is None else superjson.content(event.text)
    if undecoded is not None:
        return superjson.verbatim(_around(event, undecoded), notes={"timestamp": ["Date"]})
    return {
        "index": event.index,
        "type": event.type,
        "timestamp": event.timestamp,
        "data": without_customs(event.data),
    }


def _around(event: SeenEvent, data: bytes) -> bytes:
    """The JSON of an event with the text that the journal has of its data."""
    assert event.index is not None  # only what is in no journal has none
    time: str = superjson.encode(event.timestamp)["json"]
    members = (event.index, event.type.encode(), time.encode(), data)
    return b'{"index":%d,"type":"%b","timestamp":"%b","data":%b}' % members


def without_customs(value: Any) -> Any:
    """The same value with the content of custom values in their place."""
    match value:
        case superjson.Custom():
            return without_customs(value.value)
        case dict():
            return {key: without_customs(item) for key, item in value.items()}
        case list():
            return [without_customs(item) for item in value]
    return value


ORIGINAL: Final = Dialect("original", write_original, ORIGINAL_TYPES, completes=False)
PLAIN: Final = Dialect("plain", write_plain, frozenset(), completes=True)
