"""Does a journal keep its promises? Asked of one execution's row and all its events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

from chaingraph.engine.events import Event, EventType
from chaingraph.execution.fold import Folded, fold, onto
from chaingraph.execution.records import Stored

_NODE_ENDS = frozenset((EventType.NODE_COMPLETED, EventType.NODE_FAILED, EventType.NODE_SKIPPED))


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken promise: its number, and what was found."""

    promise: str
    what: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.what}"


def verify(stored: Stored, events: Sequence[Event]) -> list[Finding]:
    """What is wrong with an execution; `events` are all that its row counts, as they were read.

    I1: positions without a gap or a double. I2: one terminal event, the last. I3: a node
    that has ended is settled. I6: the row is the fold of the journal.
    """
    broken = {
        "I1": _positions(events),
        "I2": _endings(stored, events),
        "I3": _repetitions(events),
        "I6": _differences(stored, events),
    }
    return [Finding(promise, what) for promise, found in broken.items() for what in found]


def _positions(events: Sequence[Event]) -> Iterator[str]:
    expected = 0
    for event in events:
        if event.position > expected:
            yield f"positions {expected} to {event.position - 1} are missing"
        elif event.position < expected:
            yield f"position {event.position} comes after position {expected - 1}"
        expected = event.position + 1


def _endings(stored: Stored, events: Sequence[Event]) -> Iterator[str]:
    ends = [event.position for event in events if event.is_last]
    status = stored.row.status
    if len(ends) != (1 if status.is_terminal else 0):
        yield f"the status is {status} and there are {len(ends)} terminal events"
    if ends and not events[-1].is_last:
        yield f"events follow the terminal event at position {ends[-1]}"


def _repetitions(events: Sequence[Event]) -> Iterator[str]:
    ended: dict[str, int] = {}
    for event in events:
        if event.type is not EventType.NODE_STARTED and event.type not in _NODE_ENDS:
            continue
        node_id = event.data["nodeId"]
        if node_id in ended:
            what = "starts again" if event.type is EventType.NODE_STARTED else "ends again"
            yield (
                f"node {node_id} {what} at position {event.position}, "
                f"it had ended at position {ended[node_id]}"
            )
        if event.type in _NODE_ENDS:
            ended.setdefault(node_id, event.position)


def _differences(stored: Stored, events: Sequence[Event]) -> Iterator[str]:
    folded = onto(stored.row, fold(events))
    for field in fields(Folded):
        row, journal = (getattr(each, field.name) for each in (stored.row, folded))
        if row != journal:
            yield f"{field.name} is {row} in the row and {journal} in the journal"
    following = events[-1].position + 1 if events else 0
    if stored.dispatch.next_position != following:
        said = stored.dispatch.next_position
        yield f"the next position is {said} in the row and {following} in the journal"
