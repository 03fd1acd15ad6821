"""The errands of the in-memory backend. See `execution.ports.Errands` for the promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from chaingraph.errors import IllegalTransition
from chaingraph.execution.family import end_of_child
from chaingraph.execution.memory import MemoryJournal
from chaingraph.execution.memory_row import MemoryRow
from chaingraph.execution.ports import PassedOn
from chaingraph.execution.records import Command, Disposition, Segment, Status


class MemoryErrands:
    def __init__(self, journal: MemoryJournal, clock: Callable[[], int]) -> None:
        self._executions = journal.executions
        self._clock = clock

    async def is_any(self) -> bool:
        at, known = self._clock(), self._executions.values()
        return any(not e.parent_told or e.cascade is not None or _is_due(e, at) for e in known)

    async def wake_due(self, roots: frozenset[str] | None = None) -> list[Segment]:
        at = self._clock()
        return [each.wake(at) for each in self._in(roots) if _is_due(each, at)]

    async def wake_overlooked(self, roots: frozenset[str] | None = None) -> list[Segment]:
        return []

    async def tell_parents(self, roots: frozenset[str] | None = None) -> PassedOn:
        told = PassedOn()
        for each in self._in(roots):
            if not each.parent_told:
                self._tell(each, told)
        return told

    def _tell(self, child: MemoryRow, told: PassedOn) -> None:
        row, parent = child.row, self._executions.get(child.row.parent_execution_id or "")
        child.parent_told = True
        if parent is None or parent.dispatch.disposition is Disposition.DONE:
            return
        end = end_of_child(row.id, row.status, row.error_message, parent.row, awaited=child.awaited)
        self._pass_on(end, parent, told)

    async def cascade(self, roots: frozenset[str] | None = None) -> PassedOn:
        done = PassedOn()
        while pending := [each for each in self._in(roots) if each.cascade is not None]:
            for parent in pending:
                command, parent.cascade = parent.cascade, None
                assert command is not None
                for child in self._children(parent):
                    self._pass_on(command, child, done)
        return done

    def _children(self, parent: MemoryRow) -> list[MemoryRow]:
        return [
            each
            for each in self._executions.values()
            if each.row.parent_execution_id == parent.row.id
            and each.dispatch.disposition is not Disposition.DONE
        ]

    def _pass_on(self, command: Command, to: MemoryRow, done: PassedOn) -> None:
        try:
            answer = to.deliver(command, self._clock())
        except IllegalTransition:
            return
        if not answer.repeated:
            done.reached.append(to.row.id)
        if answer.woke is not None:
            done.queued.append(Segment(to.row.id, answer.woke))

    def _in(self, roots: frozenset[str] | None) -> Iterator[MemoryRow]:
        for each in list(self._executions.values()):
            if roots is None or each.row.root_execution_id in roots:
                yield each


def _is_due(execution: MemoryRow, at: int) -> bool:
    d = execution.dispatch
    is_waiting = d.disposition is Disposition.PARKED and execution.row.status is not Status.PAUSED
    return is_waiting and d.wake_at is not None and d.wake_at <= at
