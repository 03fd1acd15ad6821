"""What a delivery does, by the state it meets. Plain code; every backend runs it under its lock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from chaingraph.errors import IllegalTransition
from chaingraph.execution.records import Command, CommandKind, Disposition, Status, Stored

DEFAULT_STOP_REASON = "User requested stop"


class Effect(Enum):
    """What the transaction of an accepted delivery does beside keeping the command."""

    WAKE = auto()
    """Raise the number and queue the next segment."""
    RING = auto()
    """Nothing more: the holder reads it, or the queued segment will."""
    END = auto()
    """Nobody holds it: raise the number, append the terminal event and end, here and now."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a delivery. A repeated command id gets the first answer again."""

    repeated: bool = False
    #: the number of the segment that the delivery queued
    woke: int | None = None


def effect_of(command: Command, stored: Stored) -> Effect:
    """Judge a new command by the state. Raises IllegalTransition, and then nothing changes."""
    status, dispatch = stored.row.status, stored.dispatch
    if command.kind is CommandKind.START:
        started = dispatch.number > 0 or dispatch.disposition is not Disposition.PARKED
        if status is not Status.CREATED or started:
            shown = "started" if status is Status.CREATED else status
            raise IllegalTransition(stored.row.id, "start", shown)
        return Effect.WAKE
    if status.is_terminal or dispatch.disposition is Disposition.DONE:
        # A row that was adopted is done for us, whatever its status says.
        raise IllegalTransition(stored.row.id, "stop", status)
    return Effect.RING if dispatch.disposition is Disposition.LEASED else Effect.END
