"""Reading journals: entries become events, large values come back from their blobs."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import orjson

from chaingraph.engine.events import Event, EventType
from chaingraph.errors import ChainGraphError
from chaingraph.execution.ports import Journal
from chaingraph.execution.recorder import large_values
from chaingraph.execution.records import Entry, Stored
from chaingraph.superjson import loads

PAGE = 2_000
#: The first page is small, so that the first events are out before many are made ready.
FIRST_PAGE = 200
#: What only superjson reads right: annotations, and numbers of more than 64 bits.
_SPECIAL: Final = re.compile(rb'"meta":|[0-9]{19}')


class JournalGap(ChainGraphError):
    """Entries that were committed are not there: the database lost or hid them."""

    def __init__(self, execution_id: str, position: int) -> None:
        super().__init__(f"The journal of execution {execution_id} has no position {position}")


def decode(entry: Entry, blobs: Mapping[str, bytes] | None = None) -> Event:
    """The event of an entry. Large values are resolved when their blobs are given."""
    data = _payload(entry.data)
    if blobs:
        values = {p: loads(blobs[ref["$blob"]]) for p, ref in large_values(data).items()}
        if values:
            data = {**data, "values": {**data["values"], **values}}
            del data["large"]
    return Event(entry.position, EventType(entry.type), entry.at, data)


def _payload(text: bytes) -> dict[str, Any]:
    """As superjson reads it, in a fraction of the time where it is JSON that anybody can read."""
    data: dict[str, Any]
    try:
        data = loads(text) if _SPECIAL.search(text) else orjson.loads(text)["json"]
    except orjson.JSONDecodeError:  # a lone surrogate
        data = loads(text)
    return data


def has_large_values(entry: Entry) -> bool:
    """Whether some of its values may be in blobs."""
    return b'"large":' in entry.data


async def read_events(
    journal: Journal, stored: Stored, start: int, end: int
) -> AsyncIterator[list[Event]]:
    """The events from `start` to before `end`, page by page, with their large values.

    Raises JournalGap when one of them is missing.
    """
    while start < end:
        entries = await journal.read(stored.row.id, start, min(PAGE, end - start))
        if not entries:
            raise JournalGap(stored.row.id, start)
        yield await with_blobs(journal, stored.row.root_execution_id, entries)
        start = entries[-1].position + 1


async def with_blobs(journal: Journal, root_id: str, entries: list[Entry]) -> list[Event]:
    """These entries as events, with their large values."""
    wanted = [
        ref["$blob"]
        for entry in entries
        if has_large_values(entry)
        for ref in large_values(_payload(entry.data)).values()
    ]
    blobs = await journal.blobs(root_id, wanted) if wanted else {}
    return [decode(entry, blobs) for entry in entries]
