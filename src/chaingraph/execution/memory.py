"""The in-memory backend, for tests and for trying things out: one process, nothing survives.

No method waits, so each is atomic on the event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from chaingraph.errors import ExecutionNotFound, Fenced, IdempotencyConflict, InboxMoved
from chaingraph.execution import endings
from chaingraph.execution.boundary import reached
from chaingraph.execution.commands import Answer, Effect, effect_of
from chaingraph.execution.fold import Folded, onto
from chaingraph.execution.ports import Append, NewExecution, StoredFlow
from chaingraph.execution.records import (
    Command,
    Dispatch,
    Disposition,
    Entry,
    ExecutionRow,
    Lease,
    Segment,
    Stored,
    WorkerRow,
)
from chaingraph.execution.times import from_ms


class MemoryFlows:
    """The stored flows, in a dictionary."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._flows: dict[str, StoredFlow] = {}

    async def put(self, data: Mapping[str, Any], owner_id: str) -> StoredFlow:
        now, known = from_ms(self._clock()), self._flows.get(data["id"])
        if known is not None and known.data == data:
            return known
        created = now if known is None else known.created_at
        version = 1 if known is None else known.version + 1
        stored = StoredFlow(data["id"], data, owner_id, version, created, now)
        self._flows[stored.id] = stored
        return stored

    async def get(self, flow_id: str) -> StoredFlow | None:
        return self._flows.get(flow_id)

    async def list(self) -> list[StoredFlow]:
        return sorted(self._flows.values(), key=lambda flow: flow.created_at, reverse=True)


@dataclass(slots=True)
class _Execution:
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

    def move(self, **changes: Any) -> None:
        self.dispatch = replace(self.dispatch, **changes)

    def wake(self) -> Segment:
        number = self.dispatch.number + 1
        self.move(disposition=Disposition.QUEUED, number=number, holder=None)
        return Segment(self.row.id, number)

    def end(self, entry: Entry, folded: Folded) -> None:
        self.take((entry,), folded)
        number = self.dispatch.number + 1
        self.move(disposition=Disposition.DONE, number=number, holder=None)

    def take(self, entries: tuple[Entry, ...], folded: Folded | None) -> None:
        self.entries.extend(entries)
        self.move(next_position=len(self.entries))
        if folded is not None:
            self.folded = folded
            self.row = onto(self.row, folded)


class MemoryJournal:
    """Executions and workers, in dictionaries: a Journal and a Fleet."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._executions: dict[str, _Execution] = {}
        self._snapshots: dict[str, bytes] = {}
        self._blobs: dict[tuple[str, str], bytes] = {}
        self._keys: dict[str, tuple[str, str]] = {}
        self._workers: dict[str, WorkerRow] = {}

    async def create(self, new: NewExecution) -> str:
        if new.key is not None and new.key in self._keys:
            known, input_hash = self._keys[new.key]
            if input_hash != new.input_hash:
                raise IdempotencyConflict(new.key.partition(":")[2], known)
            return known
        self._snapshots[new.snapshot] = new.flow
        dispatch = Dispatch(Disposition.PARKED, 0, None, 1, 0, 0, new.snapshot)
        self._executions[new.id] = _Execution(new.row, dispatch, [new.created])
        if new.key is not None:
            self._keys[new.key] = (new.id, new.input_hash)
        return new.id

    async def get(self, execution_id: str) -> Stored | None:
        found = self._executions.get(execution_id)
        return found.stored if found is not None else None

    async def tree(self, root_id: str) -> list[Stored]:
        tree = [e.stored for e in self._executions.values() if e.row.root_execution_id == root_id]
        return sorted(tree, key=lambda each: (each.row.execution_depth, each.row.id))

    async def roots(self, flow_id: str | None, limit: int, after: datetime | None) -> list[Stored]:
        roots = [
            e.stored
            for e in self._executions.values()
            if e.row.parent_execution_id is None
            and (flow_id is None or e.row.flow_id == flow_id)
            and (after is None or e.row.created_at < after)
        ]
        return sorted(roots, key=lambda each: each.row.created_at, reverse=True)[:limit]

    async def read(self, execution_id: str, start: int, limit: int) -> list[Entry]:
        found = self._executions.get(execution_id)
        return found.entries[start : start + limit] if found is not None else []

    async def flow_of(self, snapshot: str) -> bytes:
        return self._snapshots[snapshot]

    async def blobs(self, root_id: str, hashes: Iterable[str]) -> Mapping[str, bytes]:
        return {each: self._blobs[root_id, each] for each in hashes}

    async def deliver(self, execution_id: str, command: Command) -> Answer:
        execution = self._executions.get(execution_id)
        if execution is None:
            raise ExecutionNotFound(execution_id)
        if any(known.id == command.id for known in execution.inbox):
            return Answer(repeated=True)
        effect = effect_of(command, execution.stored)
        seq = execution.dispatch.inbox_seq + 1
        execution.inbox.append(replace(command, seq=seq))
        execution.move(inbox_seq=seq)
        reached("deliver")
        if effect is Effect.WAKE:
            return Answer(woke=execution.wake().number)
        if effect is Effect.END:
            execution.move(inbox_cursor=seq)
            position, at = execution.dispatch.next_position, self._clock()
            execution.end(*endings.cancelled(position, at, command, execution.folded))
        return Answer()

    async def inbox(self, execution_id: str, after: int) -> list[Command]:
        return [each for each in self._executions[execution_id].inbox if each.seq > after]

    async def claim(self, segment: Segment, worker_id: str) -> Lease | None:
        execution = self._executions[segment.execution_id]
        dispatch, worker = execution.dispatch, self._workers.get(worker_id)
        queued = dispatch.disposition is Disposition.QUEUED and dispatch.number == segment.number
        if not queued or worker is None or not worker.alive:
            return None
        execution.move(disposition=Disposition.LEASED, holder=worker_id)
        return Lease(segment.execution_id, segment.number, worker_id)

    async def append(self, append: Append) -> None:
        execution = self._executions[append.lease.execution_id]
        if execution.last_batch == append.batch_id:
            return
        dispatch = execution.dispatch
        if not execution.holds(append.lease) or dispatch.next_position != append.expected:
            raise Fenced(append.lease.execution_id, append.lease.number)
        if append.ends and dispatch.inbox_seq != append.seen:
            raise InboxMoved(append.lease.execution_id)
        for blob in append.blobs:
            self._blobs[append.root_execution_id, blob.hash] = blob.data
        execution.take(append.entries, append.folded)
        execution.last_batch = append.batch_id
        if append.progress:
            execution.row = replace(execution.row, failure_count=0)
        execution.move(inbox_cursor=append.cursor)
        if append.ends:
            number = dispatch.number + 1
            execution.move(disposition=Disposition.DONE, number=number, holder=None)

    async def hand_over(self, lease: Lease) -> Segment | None:
        execution = self._executions[lease.execution_id]
        return execution.wake() if execution.holds(lease) else None

    async def join(self, worker: WorkerRow) -> None:
        self._workers[worker.id] = worker

    async def leave(self, worker_id: str) -> None:
        self._workers.pop(worker_id, None)

    async def beat(self, worker_id: str) -> bool:
        worker = self._workers.get(worker_id)
        if worker is None or not worker.alive:
            return False
        self._workers[worker_id] = replace(worker, beat=worker.beat + 1)
        return True

    async def workers(self) -> list[WorkerRow]:
        holders = {e.dispatch.holder for e in self._executions.values()}
        return [each for each in self._workers.values() if each.alive or each.id in holders]

    async def declare_dead(self, worker_id: str, beat: int) -> bool:
        worker = self._workers.get(worker_id)
        if worker is None or not worker.alive or worker.beat != beat:
            return False
        self._workers[worker_id] = replace(worker, alive=False)
        return True

    async def leases(self, worker_id: str) -> list[Lease]:
        return [
            Lease(e.row.id, e.dispatch.number, worker_id)
            for e in self._executions.values()
            if e.dispatch.holder == worker_id
        ]

    async def unread(self, worker_id: str) -> list[str]:
        held = (e for e in self._executions.values() if e.dispatch.holder == worker_id)
        return [e.row.id for e in held if e.dispatch.inbox_seq > e.dispatch.inbox_cursor]

    async def take_over(self, lease: Lease, by: str, reason: str, *, poison: int) -> Segment | None:
        execution = self._executions[lease.execution_id]
        if not execution.holds(lease):
            return None
        failures = execution.row.failure_count + 1
        execution.row = replace(execution.row, failure_count=failures, last_failure_reason=reason)
        if failures < poison:
            return execution.wake()
        position, at = execution.dispatch.next_position, self._clock()
        execution.end(*endings.poisoned(position, at, failures, execution.folded))
        return None

    async def stranded(self) -> list[Segment]:
        queued = [
            e for e in self._executions.values() if e.dispatch.disposition is Disposition.QUEUED
        ]
        return [execution.wake() for execution in queued]
