"""One execution of the in-memory backend, and the moves of its row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from chaingraph.execution.fold import Folded, onto
from chaingraph.execution.isolation import SUSPECT_FROM, TRIAL_MS, WAIT_MS
from chaingraph.execution.records import (
    Command,
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
        self.move(disposition=Disposition.QUEUED, number=number, holder=None)
        self.note(updated_at=from_ms(at))
        return Segment(self.row.id, number)

    def end(self, entry: Entry, folded: Folded) -> None:
        self.take((entry,), folded, entry.at)
        number, seq = self.dispatch.number + 1, self.dispatch.inbox_seq
        self.move(disposition=Disposition.DONE, number=number, holder=None, inbox_cursor=seq)

    def take(self, entries: tuple[Entry, ...], folded: Folded | None, at: int) -> None:
        self.entries.extend(entries)
        self.move(next_position=len(self.entries))
        self.note(updated_at=from_ms(at))
        if folded is not None:
            self.folded = folded
            self.row = onto(self.row, folded)


def in_turns(queued: Iterable[MemoryRow], leased: Iterable[MemoryRow]) -> list[MemoryRow]:
    """The queued in the order of `claim_next`."""
    turns = Counter(each.row.owner_id for each in leased)
    ranked: list[tuple[bool, int, int, MemoryRow]] = []
    by_age = sorted(queued, key=lambda each: (each.dispatch.number == 1, each.row.updated_at))
    for age, each in enumerate(by_age):
        turns[each.row.owner_id] += 1
        ranked.append((each.dispatch.number == 1, turns[each.row.owner_id], age, each))
    return [each for *_, each in sorted(ranked, key=lambda rank: rank[:3])]
