"""The in-memory backend, for tests and for trying things out: one process, nothing survives.

No method waits, so each is atomic on the event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from chaingraph.errors import ExecutionNotFound, Fenced, IdempotencyConflict, InboxMoved
from chaingraph.execution import endings
from chaingraph.execution.blob_references import blob_hashes
from chaingraph.execution.boundary import reached
from chaingraph.execution.commands import Answer
from chaingraph.execution.isolation import Waiting, admitted
from chaingraph.execution.memory_row import MemoryRow, in_turns
from chaingraph.execution.ports import Append, NewExecution, Opened
from chaingraph.execution.records import (
    Command,
    CommandKind,
    Dispatch,
    Disposition,
    Entry,
    Lease,
    Segment,
    Stored,
    WorkerRow,
)
from chaingraph.execution.times import from_ms


class MemoryJournal:
    """Executions and workers, in dictionaries: a Journal and a Fleet."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._executions: dict[str, MemoryRow] = {}
        self._snapshots: dict[str, bytes] = {}
        self._blobs: dict[tuple[str, str], bytes] = {}
        self._keys: dict[str, tuple[str, str]] = {}
        self._workers: dict[str, WorkerRow] = {}

    @property
    def executions(self) -> Mapping[str, MemoryRow]:
        return self._executions

    async def create(self, new: NewExecution) -> str:
        if new.key is not None and new.key in self._keys:
            known, input_hash = self._keys[new.key]
            if input_hash != new.input_hash:
                raise IdempotencyConflict(new.key.partition(":")[2], known)
            return known
        if new.id in self._executions:
            return new.id
        self._add(new)
        return new.id

    def _add(self, new: NewExecution) -> None:
        at, started = self._clock(), new.is_started
        inbox = [replace(each, seq=seq, at=at) for seq, each in enumerate(new.inbox, 1)]
        entries = [new.created, *new.taken_over]
        disposition = Disposition.QUEUED if started else Disposition.PARKED
        seq = len(inbox)
        dispatch = Dispatch(disposition, int(started), None, len(entries), seq, 0, new.snapshot)
        row = MemoryRow(new.row, dispatch, entries, inbox, awaited=new.awaited)
        self._executions[new.id] = row
        self._snapshots[new.snapshot] = new.flow
        if new.key is not None:
            self._keys[new.key] = (new.id, new.input_hash)
        self._copy_blobs(new)

    def _copy_blobs(self, new: NewExecution) -> None:
        for hash_ in {found for entry in new.taken_over for found in blob_hashes(entry)}:
            data = self._blobs.get((new.blobs_of or "", hash_))
            if data is not None:
                self._blobs[new.root_execution_id, hash_] = data

    async def get(self, execution_id: str) -> Stored | None:
        found = self._executions.get(execution_id)
        return found.stored if found is not None else None

    async def open(self, execution_id: str, limit: int) -> Opened | None:
        found = self._executions.get(execution_id)
        if found is None:
            return None
        unread = [each for each in found.inbox if each.seq > found.dispatch.inbox_cursor]
        return Opened(found.stored, found.entries[:limit], unread)

    async def tree(self, root_id: str) -> list[Stored]:
        tree = [e.stored for e in self._executions.values() if e.row.root_execution_id == root_id]
        return sorted(tree, key=lambda each: (each.row.execution_depth, each.row.id))

    async def roots(
        self,
        flow_id: str | None,
        limit: int,
        after: datetime | None,
        owners: Collection[str] | None = None,
    ) -> list[Stored]:
        roots = [
            e.stored
            for _, e in sorted(self._executions.items())
            if e.row.parent_execution_id is None
            and (flow_id is None or e.row.flow_id == flow_id)
            and (owners is None or e.row.owner_id in owners)
            and (after is None or e.row.created_at < after)
        ]
        return sorted(roots, key=lambda each: each.row.created_at, reverse=True)[:limit]

    async def heads(self, root_id: str) -> Mapping[str, int]:
        tree = (e for e in self._executions.values() if e.row.root_execution_id == root_id)
        return {each.row.id: each.dispatch.next_position for each in tree}

    async def read(self, execution_id: str, start: int, limit: int) -> list[Entry]:
        found = self._executions.get(execution_id)
        return found.entries[start : start + limit] if found is not None else []

    async def flow_of(self, snapshot: str) -> bytes:
        return self._snapshots[snapshot]

    async def blobs(self, root_id: str, hashes: Iterable[str]) -> Mapping[str, bytes]:
        known = self._blobs
        return {each: known[root_id, each] for each in hashes if (root_id, each) in known}

    async def deliver(self, execution_id: str, command: Command) -> Answer:
        execution = self._executions.get(execution_id)
        if execution is None:
            raise ExecutionNotFound(execution_id)
        answer = execution.deliver(command, self._clock())
        reached("deliver")
        return answer

    async def inbox(self, execution_id: str, after: int) -> list[Command]:
        found = self._executions.get(execution_id)
        return [each for each in found.inbox if each.seq > after] if found is not None else []

    async def queued(self, roots: frozenset[str], limit: int) -> list[Segment]:
        queued = sorted(self._in(Disposition.QUEUED), key=lambda e: (e.row.updated_at, e.row.id))
        mine = [each for each in queued if each.row.root_execution_id in roots]
        return [Segment(each.row.id, each.dispatch.number) for each in mine[:limit]]

    async def claim(self, segment: Segment, worker_id: str) -> Lease | None:
        execution, worker = self._queued(segment), self._workers.get(worker_id)
        if execution is None or worker is None or not worker.alive:
            return None
        execution.move(disposition=Disposition.LEASED, holder=worker_id)
        execution.note(processing_worker_id=worker_id, processing_started_at=from_ms(self._clock()))
        return Lease(segment.execution_id, segment.number, worker_id)

    def _queued(self, segment: Segment) -> MemoryRow | None:
        found = self._executions.get(segment.execution_id)
        if found is None or found.dispatch.disposition is not Disposition.QUEUED:
            return None
        return found if found.dispatch.number == segment.number else None

    def _held(self, lease: Lease) -> MemoryRow | None:
        found = self._executions.get(lease.execution_id)
        return found if found is not None and found.holds(lease) else None

    async def append(self, append: Append) -> None:
        known = self._executions.get(append.lease.execution_id)
        if known is not None and known.last_batch == append.batch_id:
            return
        execution = self._held(append.lease)
        if execution is None or execution.dispatch.next_position != append.expected:
            raise Fenced(append.lease.execution_id, append.lease.number)
        held_back = append.ends or append.parks
        if held_back and execution.dispatch.inbox_seq != append.seen:
            raise InboxMoved(append.lease.execution_id)
        for blob in append.blobs:
            self._blobs[append.root_execution_id, blob.hash] = blob.data
        execution.take(append.entries, append.folded, self._clock())
        execution.last_batch = append.batch_id
        if append.progress:
            execution.note(failure_count=0)
        open_children = execution.dispatch.open_children + len(append.children)
        execution.move(inbox_cursor=append.cursor, open_children=open_children)
        for child in append.children:
            self._add(child)
        self._let_go(execution, append)

    def _let_go(self, execution: MemoryRow, append: Append) -> None:
        if append.ends:
            execution.close()
        elif append.parks:
            execution.park(append.wake_at)
        execution.cascade = append.cascade or execution.cascade

    async def hand_over(self, lease: Lease) -> Segment | None:
        execution = self._held(lease)
        return execution.wake(self._clock()) if execution is not None else None

    async def join(self, worker: WorkerRow) -> None:
        self._workers[worker.id] = worker

    async def leave(self, worker_id: str) -> None:
        worker = self._workers.get(worker_id)
        if worker is not None:
            self._workers[worker_id] = replace(worker, alive=False)

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

    async def claim_next(
        self, worker_id: str, limit: int, *, reserve: int = 0, most_running: int | None = None
    ) -> list[Lease]:
        leased = self._in(Disposition.LEASED)
        if most_running is not None:
            limit = min(limit, most_running - len(leased))
        at, held = self._clock(), [e for e in leased if e.dispatch.holder == worker_id]
        if any(each.is_on_trial(at) for each in held):
            return []
        queued = in_turns(self._in(Disposition.QUEUED), leased)
        waiting = [
            Waiting(e.row.id, e.is_suspect, turn == 1)
            for e, turn in queued
            if e.fits(at, is_idle=not held) and (turn == 1 or limit > reserve)
        ]
        chosen = admitted(waiting[: max(limit, 0)], limit - reserve)
        segments = [Segment(i, self._executions[i].dispatch.number) for i in chosen]
        claimed = [await self.claim(segment, worker_id) for segment in segments]
        return [lease for lease in claimed if lease is not None]

    def _in(self, disposition: Disposition) -> list[MemoryRow]:
        return [e for e in self._executions.values() if e.dispatch.disposition is disposition]

    async def force_stops(self, grace_ms: int) -> list[Lease]:
        lost = []
        for execution in self._in(Disposition.LEASED):
            d, at = execution.dispatch, self._clock()
            for stop in execution.inbox:
                late = stop.seq > d.inbox_cursor and at - stop.at > grace_ms
                if late and stop.kind is CommandKind.STOP:
                    lost.append(Lease(execution.row.id, d.number, d.holder or ""))
                    entry = endings.cancelled(d.next_position, at, stop, execution.folded)
                    execution.end(*entry, stop=stop)
                    break
        return lost

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
        execution = self._held(lease)
        if execution is None:
            return None
        at, failures = self._clock(), execution.row.failure_count + 1
        execution.note(
            failure_count=failures, last_failure_reason=reason, last_failure_at=from_ms(at)
        )
        if failures < poison:
            return execution.wake(at)
        position = execution.dispatch.next_position
        execution.end(*endings.poisoned(position, at, failures, execution.folded))
        return None

    async def stranded(self, *, older_than_ms: int = 0) -> list[Segment]:
        return []

    async def sweep(self) -> int:
        return 0
