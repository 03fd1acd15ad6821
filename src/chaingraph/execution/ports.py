"""The seams of the executor: what a backend must do. Memory, SQLite and PostgreSQL do it.

Every method that changes something is one transaction, and safe to repeat under the same ids.
Who may change what is said by numbers: see `Lease`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from chaingraph.execution.commands import Answer
from chaingraph.execution.fold import Folded
from chaingraph.execution.records import (
    Blob,
    Command,
    CommandKind,
    Entry,
    ExecutionRow,
    Lease,
    Segment,
    Status,
    Stored,
    WorkerRow,
)
from chaingraph.execution.times import from_ms


@dataclass(frozen=True, slots=True)
class NewExecution:
    """What `create` writes: the row, the snapshot and event 0."""

    id: str
    flow_id: str
    owner_id: str
    snapshot: str
    flow: bytes
    created: Entry
    root_execution_id: str
    parent_execution_id: str | None = None
    depth: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    integration: Mapping[str, Any] = field(default_factory=dict)
    external_events: Sequence[Any] = ()
    #: the caller's idempotency key, already scoped to the caller, and a hash of the input
    key: str | None = None
    input_hash: str = ""
    #: what is in its inbox from the beginning; a start among it queues the first segment
    inbox: tuple[Command, ...] = ()
    #: its parent is to be woken by its end, although other children are still open
    awaited: bool = False
    #: of a fork: where it comes from, the entries that it takes over, and their blobs' tree
    forked_from: str | None = None
    taken_over: tuple[Entry, ...] = ()
    blobs_of: str | None = None

    @property
    def is_started(self) -> bool:
        return any(each.kind is CommandKind.START for each in self.inbox)

    @property
    def row(self) -> ExecutionRow:
        """The row as it is written."""
        now = from_ms(self.created.at)
        return ExecutionRow(
            id=self.id,
            flow_id=self.flow_id,
            owner_id=self.owner_id,
            root_execution_id=self.root_execution_id,
            parent_execution_id=self.parent_execution_id,
            status=Status.CREATED,
            created_at=now,
            updated_at=now,
            started_at=None,
            completed_at=None,
            error_message=None,
            error_node_id=None,
            execution_depth=self.depth,
            options=self.options,
            integration=self.integration,
            external_events=list(self.external_events),
            failure_count=0,
            last_failure_reason=None,
            last_failure_at=None,
            processing_started_at=None,
            processing_worker_id=None,
            forked_from=self.forked_from,
        )


@dataclass(frozen=True, slots=True)
class Append:
    """One fenced append. Refused as a whole unless the lease holds and `expected` is next."""

    lease: Lease
    batch_id: str
    expected: int
    entries: tuple[Entry, ...]
    cursor: int
    root_execution_id: str
    #: the state columns, when these entries change them
    folded: Folded | None = None
    ends: bool = False
    #: the lease and the slot are given back; at `wake_at` (ms) the next segment is queued, if
    #: no delivery has queued it before
    parks: bool = False
    wake_at: int | None = None
    #: with `ends` or `parks`: the deliveries known to the holder; more in the inbox refuse it
    seen: int | None = None
    blobs: tuple[Blob, ...] = ()
    #: executions that come to be with this append, and are queued by it
    children: tuple[NewExecution, ...] = ()
    #: a command that goes on to all children after this append, under its own id
    cascade: Command | None = None
    #: a node completed: failures so far do not count any more
    progress: bool = False

    @property
    def is_plain(self) -> bool:
        """Nothing but entries and columns: such appends are committed in groups."""
        return not (self.parks or self.children or self.cascade)

    @property
    def size(self) -> int:
        return sum(len(e.data) for e in self.entries) + sum(len(b.data) for b in self.blobs)


@dataclass(frozen=True, slots=True)
class Opened:
    """What a segment begins with: the row, the first entries of its journal, and what is unread
    in its inbox."""

    stored: Stored
    entries: list[Entry]
    unread: list[Command]


@dataclass(frozen=True, slots=True)
class StoredFlow:
    """A row of the flows table; `data` is the flow's JSON."""

    id: str
    data: Mapping[str, Any]
    owner_id: str | None
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def owner(self) -> str:
        """Whose it is: one without an owner is `local`'s."""
        return self.owner_id or "local"


class Flows(Protocol):
    """The stored flows. Where `owners` are named, flows of others stay as they are; None is all."""

    async def put(
        self, data: Mapping[str, Any], owner_id: str, owners: Collection[str] | None = None
    ) -> StoredFlow:
        """Insert, or replace with version + 1; identical content changes nothing.

        Raises Forbidden when the flow is there and none of `owners` has it."""

    async def get(self, flow_id: str) -> StoredFlow | None: ...

    async def list(self, owners: Collection[str] | None = None) -> list[StoredFlow]:
        """The flows of these owners, newest first."""

    async def delete(self, flow_id: str, owners: Collection[str] | None = None) -> bool:
        """Whether these owners had one. Its executions stay: each has a snapshot of it."""


class Journal(Protocol):
    """Executions, their events and their inboxes."""

    async def create(self, new: NewExecution) -> str:
        """Write row, snapshot and event 0. Returns the id: of an earlier execution when `key`
        was used before with the same input. Raises IdempotencyConflict when with other input."""

    async def get(self, execution_id: str) -> Stored | None: ...

    async def open(self, execution_id: str, limit: int) -> Opened | None:
        """Row, up to `limit` entries and unread deliveries in one go."""

    async def tree(self, root_id: str) -> list[Stored]:
        """The root and all its descendants, by depth, then id."""

    async def roots(
        self,
        flow_id: str | None,
        limit: int,
        after: datetime | None,
        owners: Collection[str] | None = None,
    ) -> list[Stored]:
        """Root executions of these owners, newest first, created strictly before `after`."""

    async def heads(self, root_id: str) -> Mapping[str, int]:
        """The next position of each execution of a tree, by id."""

    async def read(self, execution_id: str, start: int, limit: int) -> list[Entry]:
        """Committed entries from position `start` on, in order, without a gap."""

    async def flow_of(self, snapshot: str) -> bytes:
        """The flow snapshot, as JSON text."""

    async def blobs(self, root_id: str, hashes: Iterable[str]) -> Mapping[str, bytes]: ...

    async def deliver(self, execution_id: str, command: Command) -> Answer:
        """Judge the command, keep it in the inbox and wake, ring or end the execution.

        Raises ExecutionNotFound and IllegalTransition."""

    async def inbox(self, execution_id: str, after: int) -> list[Command]:
        """Deliveries with a number above `after`, in order."""

    async def queued(self, roots: frozenset[str], limit: int) -> list[Segment]:
        """Queued segments of the trees of these executions, oldest first."""

    async def claim(self, segment: Segment, worker_id: str) -> Lease | None:
        """Take the lease of a queued segment. None when it is not queued under this number."""

    async def append(self, append: Append) -> None:
        """Raises Fenced, or InboxMoved when an append that ends or parks met an inbox with more
        deliveries than `seen`. An append whose answer was lost may be repeated: it succeeds when
        it is already there."""

    async def hand_over(self, lease: Lease) -> Segment | None:
        """Give the lease back and queue the next segment. None when it was lost before."""


class Fleet(Protocol):
    """The workers and the leases they hold."""

    async def join(self, worker: WorkerRow) -> None: ...

    async def leave(self, worker_id: str) -> None:
        """A clean end: the worker is not alive any more. What it still holds is found as with
        the dead."""

    async def beat(self, worker_id: str) -> bool:
        """Count one heartbeat. False when the worker was declared dead."""

    async def workers(self) -> list[WorkerRow]:
        """All that are alive or still hold a lease."""

    async def declare_dead(self, worker_id: str, beat: int) -> bool:
        """Only if its beat is still the one that was seen."""

    async def claim_next(
        self, worker_id: str, limit: int, *, reserve: int = 0, most_running: int | None = None
    ) -> list[Lease]:
        """Take the leases of up to `limit` queued segments, the most urgent ones.

        What ran before goes before what is new; owners take turns, those with the fewest running
        executions first. The last `reserve` of them are for owners that run nothing.
        `most_running` limits what all workers run together.
        """

    async def leases(self, worker_id: str) -> list[Lease]: ...

    async def force_stops(self, grace_ms: int) -> list[Lease]:
        """End the leased executions that were told to stop longer ago than this, and return the
        leases that were lost by it. It ends journals; a body that refuses to end runs on."""

    async def unread(self, worker_id: str) -> list[str]:
        """The executions this worker holds whose inbox has unread deliveries."""

    async def take_over(self, lease: Lease, by: str, reason: str, *, poison: int) -> Segment | None:
        """Take a lost lease away, record the recovery and queue the next segment; or, at the
        `poison`-th failure in a row, fail the execution. None when there is nothing to run."""

    async def stranded(self, *, older_than_ms: int = 0) -> list[Segment]:
        """Segments queued longer ago than this that no dispatcher will bring to a live worker;
        each is queued anew under the next number and returned."""

    async def sweep(self) -> int:
        """Free what dead workers still occupy in the dispatcher's queue; how much it was."""


@dataclass(slots=True)
class PassedOn:
    """What came of deliveries: the executions that got one, and the segments that it queued."""

    reached: list[str] = field(default_factory=list)
    queued: list[Segment] = field(default_factory=list)


class Errands(Protocol):
    """What is to be brought from one execution to another, or is due. Every worker does it.

    Each is safe to repeat, and to be done by two workers at a time. `roots` restricts it to the
    trees of these executions. Segments that were queued by it are returned.
    """

    async def is_any(self) -> bool:
        """Whether there is anything to do, in any tree."""

    async def wake_due(self, roots: frozenset[str] | None = None) -> list[Segment]:
        """Queue what is parked and whose `wake_at` has come."""

    async def wake_overlooked(self, roots: frozenset[str] | None = None) -> list[Segment]:
        """Queue what is parked over a delivery that should have woken it. There must be none."""

    async def tell_parents(self, roots: frozenset[str] | None = None) -> PassedOn:
        """Deliver the ends of children to their parents."""

    async def cascade(self, roots: frozenset[str] | None = None) -> PassedOn:
        """Deliver the tree commands that are pending to the children, and what comes of it to
        theirs."""


class TypeRegistry(Protocol):
    """What the node types of all workers declare, by name, for those who have no node code."""

    async def publish(self, types: Mapping[str, Mapping[str, Any]]) -> None:
        """Add these, or put them in the place of older ones. Writes only what has changed."""

    async def published(self) -> Mapping[str, Mapping[str, Any]]: ...


class Bell(Protocol):
    """Wakes who waits for news. Carries no news itself; a lost ring costs only patience."""

    def ring(self, key: str) -> None: ...

    def listen(self, *keys: str) -> AbstractContextManager[Ring]: ...


class Ring(Protocol):
    """One listener's place at the bell, under one key or many."""

    def add(self, key: str) -> None: ...

    def drop(self, key: str) -> None: ...

    def clear(self) -> None: ...

    def take(self) -> set[str]:
        """Clear, and return the keys that rang since this was called before."""

    async def wait(self, patience: float) -> None:
        """Return at the next ring, or after `patience` seconds."""


def commands_of(execution_id: str) -> str:
    """The bell key of an execution's inbox; the id itself is the key of its journal."""
    return f"inbox:{execution_id}"
