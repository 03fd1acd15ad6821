"""What a delivery does, by the state it meets. Plain code; every backend runs it under its lock."""

from __future__ import annotations

from collections.abc import Iterable
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
    """Nothing more: the holder reads it, or the next segment will."""
    END = auto()
    """Nobody holds it: raise the number, append the terminal event and end, here and now."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a delivery. A repeated command id gets the first answer again."""

    repeated: bool = False
    #: the number of the segment that the delivery queued
    woke: int | None = None


#: What the status will be once a command that was accepted is applied.
LEADS_TO = {
    CommandKind.START: Status.RUNNING,
    CommandKind.PAUSE: Status.PAUSED,
    CommandKind.RESUME: Status.RUNNING,
    CommandKind.STOP: Status.STOPPED,
}
#: How a refusal calls it.
_VERBS = {kind: kind.value for kind in CommandKind} | {
    CommandKind.BREAKPOINTS: "set breakpoints of",
    CommandKind.CHILD: "tell the end of a child to",
}
#: The status that a command needs.
_NEEDS = {
    CommandKind.PAUSE: Status.RUNNING,
    CommandKind.RESUME: Status.PAUSED,
    CommandKind.STEP: Status.PAUSED,
}


def effect_of(command: Command, stored: Stored, unread: Iterable[CommandKind] = ()) -> Effect:
    """Judge a new command by the state, as it will be when the `unread` ones are applied.

    Raises IllegalTransition, and then nothing changes.
    """
    kind, disposition = command.kind, stored.dispatch.disposition
    # A stop may be repeated until it is obeyed.
    status = stored.row.status if kind is CommandKind.STOP else _accepted(stored, unread)
    if kind is CommandKind.START:
        if status is not Status.CREATED or stored.dispatch.number > 0:
            shown = "started" if stored.row.status is Status.CREATED else status
            raise IllegalTransition(stored.row.id, _VERBS[kind], shown)
        return Effect.WAKE
    if status.is_terminal or disposition is Disposition.DONE:
        # A row that was adopted is done for us, whatever its status says.
        raise IllegalTransition(stored.row.id, _VERBS[kind], status)
    if kind in _NEEDS and status is not _NEEDS[kind]:
        raise IllegalTransition(stored.row.id, _VERBS[kind], status)
    if kind is CommandKind.STOP:
        return Effect.RING if disposition is Disposition.LEASED else Effect.END
    wakes = disposition is Disposition.PARKED and _wakes(command, stored)
    return Effect.WAKE if wakes else Effect.RING


def _accepted(stored: Stored, unread: Iterable[CommandKind]) -> Status:
    """The status, ahead of what the holder has not read yet."""
    status = stored.row.status
    if status is Status.CREATED and stored.dispatch.number > 0:
        status = Status.RUNNING
    for kind in unread:
        if not status.is_terminal:
            status = LEADS_TO.get(kind, status)
    return status


def _wakes(command: Command, stored: Stored) -> bool:
    """Whether a parked execution is to go on for this. What does not wake it is kept."""
    if command.kind in (CommandKind.PAUSE, CommandKind.RESUME, CommandKind.STEP):
        return True
    if stored.row.status is not Status.RUNNING:
        return False
    if command.kind is CommandKind.CHILD:
        return stored.dispatch.open_children <= 1 or bool(command.data.get("wakes"))
    return command.kind is CommandKind.SIGNAL
