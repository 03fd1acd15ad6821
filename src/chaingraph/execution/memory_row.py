"""One execution of the in-memory backend, and the moves of its row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from chaingraph.execution import endings
from chaingraph.execution.commands import Answer, Effect, effect_of
from chaingraph.execution.family import farewell
from chaingraph.execution.fold import Folded, onto
from chaingraph.execution.isolation import SUSPECT_FROM, TRIAL_MS, WAIT_MS
from chaingraph.execution.records import (
    Command,
    CommandKind,
    Dispatch,
    Disposition,
    Entry,
    ExecutionRow,
    Lease,
    Segment,
    Stored,
)
from chaingraph.execution.times import from_ms


@dataclass(slots=True)
class MemoryRow:
    """One execution in memory: its row, its journal and its inbox."""

    row: ExecutionRow
    dispatch: Dispatch
    entries: list[Entry]
    inbox: list[Command] = field(default_factory=list)
    folded: Folded = field(default_factory=Folded)
    last_batch: str = ""
    awaited: bool = False
    parent_told: bool = True
    #: a command on its way to all children
    cascade: Command | None = None

    @property
    def stored(self) -> Stored:
        return Stored(self.row, self.dispatch)

    def holds(self, lease: Lease) -> bool:
        d = self.dispatch
        held = d.disposition is Disposition.LEASED
        return held and (d.number, d.holder) == (lease.number, lease.worker_id)

    @property
    def is_suspect(self) -> bool:
        return self.row.failure_count >= SUSPECT_FROM

    def is_on_trial(self, at: int) -> bool:
        """A suspect that has not run for long yet."""
        started_at = self.row.processing_started_at
        return self.is_suspect and started_at is not None and started_at > from_ms(at - TRIAL_MS)

    def fits(self, at: int, *, is_idle: bool) -> bool:
        """Whether a worker may claim it that runs nothing, or only what is not on trial."""
        return is_idle or not self.is_suspect or self.row.updated_at <= from_ms(at - WAIT_MS)

    def move(self, **changes: Any) -> None:
        self.dispatch = replace(self.dispatch, **changes)

    def note(self, **changes: Any) -> None:
        self.row = replace(self.row, **changes)

    def wake(self, at: int) -> Segment:
        number = self.dispatch.number + 1
        self.move(disposition=Disposition.QUEUED, number=number, holder=None, wake_at=None)
        self.note(updated_at=from_ms(at))
        return Segment(self.row.id, number)

    def deliver(self, command: Command, at: int) -> Answer:
        """Raises IllegalTransition."""
        if any(known.id == command.id for known in self.inbox):
            return Answer(repeated=True)
        effect = effect_of(command, self.stored, [each.kind for each in self.unread])
        seq = self.dispatch.inbox_seq + 1
        self.inbox.append(replace(command, seq=seq, at=at))
        open_children = self.dispatch.open_children - (command.kind is CommandKind.CHILD)
        self.move(inbox_seq=seq, open_children=open_children)
        if effect is Effect.WAKE:
            return Answer(woke=self.wake(at).number)
        if effect is Effect.END:
            position = self.dispatch.next_position
            self.end(*endings.cancelled(position, at, command, self.folded), stop=command)
        return Answer()

    @property
    def unread(self) -> list[Command]:
        return [each for each in self.inbox if each.seq > self.dispatch.inbox_cursor]

    def park(self, wake_at: int | None) -> None:
        self.move(disposition=Disposition.PARKED, holder=None, wake_at=wake_at)

    def end(self, entry: Entry, folded: Folded, *, stop: Command | None = None) -> None:
        """End it from outside by its last event."""
        self.take((entry,), folded, entry.at)
        self.move(inbox_cursor=self.dispatch.inbox_seq)
        self.close()
        if self.dispatch.open_children:
            self.cascade = farewell(self.row.id, self.folded, stop)

    def close(self) -> None:
        """After the last event: its parent is to be told."""
        number = self.dispatch.number + 1
        self.move(disposition=Disposition.DONE, number=number, holder=None, wake_at=None)
        self.parent_told = self.row.parent_execution_id is None

    def take(self, entries: tuple[Entry, ...], folded: Folded | None, at: int) -> None:
        self.entries.extend(entries)
        self.move(next_position=len(self.entries))
        self.note(updated_at=from_ms(at))
        if folded is not None:
            self.folded = folded
            self.row = onto(self.row, folded)


def in_turns(
    queued: Iterable[MemoryRow], leased: Iterable[MemoryRow]
) -> list[tuple[MemoryRow, int]]:
    """The queued in the order of `claim_next`, each with its place among those of its owner."""
    turns = Counter(each.row.owner_id for each in leased)
    ranked: list[tuple[bool, int, int, MemoryRow]] = []
    by_age = sorted(queued, key=lambda each: (each.dispatch.number == 1, each.row.updated_at))
    for age, each in enumerate(by_age):
        turns[each.row.owner_id] += 1
        ranked.append((each.dispatch.number == 1, turns[each.row.owner_id], age, each))
    return [(each, turn) for _, turn, _, each in sorted(ranked, key=lambda rank: rank[:3])]
