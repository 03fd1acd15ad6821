"""Output commit: events pile up in memory and are committed in groups, in order.

Whatever is buffered goes out as soon as the previous commit returned. The buffer is taken whole
between two steps of the event loop, so what is committed is always a prefix of what was recorded
and never cuts through one node's step.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from chaingraph import metrics
from chaingraph.engine.events import EventType
from chaingraph.execution.fold import Folded, after
from chaingraph.execution.ports import Append, Journal, NewExecution
from chaingraph.execution.records import Blob, Command, Entry, Lease
from chaingraph.superjson import dumps

#: More uncommitted events than this make the engine wait.
MAX_BACKLOG = 10_000
#: A value of more bytes than this is kept as a blob beside the journal.
BLOB_BYTES = 256 * 1024
#: Turns of the event loop from the end of a node to the start of those that follow: what they
#: record goes in one append, so a step from effect to effect costs one commit.
TURNS = 2


@dataclass(slots=True)
class _Buffer:
    entries: list[Entry] = field(default_factory=list)
    blobs: list[Blob] = field(default_factory=list)
    folded: Folded | None = None
    progress: bool = False
    children: list[NewExecution] = field(default_factory=list)
    cascade: Command | None = None


class Recorder:
    """One segment's hand on the journal. `pump` must run beside it."""

    def __init__(
        self,
        journal: Journal,
        lease: Lease,
        *,
        root_execution_id: str,
        next_position: int,
        cursor: int,
        folded: Folded,
        lease_seconds: float,
        clock: Callable[[], int],
        committed: Callable[[], None],
        spawned: Callable[[Sequence[NewExecution]], None],
        passed_on: Callable[[], None],
        observe: Callable[[EventType, int, Mapping[str, Any]], None] | None = None,
    ) -> None:
        self._journal = journal
        self._lease = lease
        self._root = root_execution_id
        self._next = next_position
        self._committed_to = next_position
        self._cursor = cursor
        self._folded = folded
        self._fresh_for = lease_seconds / 2
        self._clock = clock
        self._on_commit = committed
        self._on_spawn = spawned
        self._on_cascade = passed_on
        self._observe = observe
        self._buffer = _Buffer()
        self._sent_at = float("-inf")
        self._closing = False
        self._news = asyncio.Event()
        self._progress = asyncio.Event()
        self._callbacks: deque[tuple[int, Callable[[], None]]] = deque()

    @property
    def folded(self) -> Folded:
        return self._folded

    def record(self, type_: EventType, data: dict[str, Any]) -> None:
        """Add an event at the end of the buffer."""
        at = self._clock()
        encoded = dumps(data)
        if len(encoded) > BLOB_BYTES and "values" in data:
            data, encoded = self._lighten(data)
        self._buffer.entries.append(Entry(self._next, type_.value, at, encoded))
        if type_ is EventType.NODE_COMPLETED:
            self._buffer.progress = True
        self._next += 1
        if self._observe is not None:
            self._observe(type_, at, data)
        folded = after(self._folded, type_, at, data)
        if folded is not self._folded:
            self._folded = self._buffer.folded = folded
        self._news.set()

    def spawn(self, child: NewExecution) -> None:
        """Let a child come to be in the commit of what was recorded last."""
        self._buffer.children.append(child)
        self._news.set()

    def cascade(self, command: Command) -> None:
        """Let a command go on to all children after the commit of what was recorded last."""
        self._buffer.cascade = command
        self._news.set()

    def applied(self, seq: int) -> None:
        """Delivery `seq` is applied: the cursor moves with the next append."""
        self._cursor = seq

    async def committed(self) -> None:
        """Return when all that was recorded is committed, and not longer ago than half a lease.

        A process that was frozen in between proves with another fenced append that the
        execution is still its own. Raises nothing: `pump` does, when the lease is lost.
        """
        target = self._next
        while self._committed_to < target:
            await self._wait_for_progress()
        while time.monotonic() - self._sent_at > self._fresh_for:
            self._sent_at = float("-inf")
            self._news.set()
            await self._wait_for_progress()

    async def room(self) -> None:
        await asyncio.sleep(0)
        while self._next - self._committed_to > MAX_BACKLOG:
            await self._wait_for_progress()

    def after_commit(self, call: Callable[[], None]) -> None:
        self._callbacks.append((self._next, call))

    async def pump(self) -> None:
        """Commit what is recorded, until `close`. Raises Fenced when the lease is lost."""
        while not self._closing:
            await self._news.wait()
            for _ in range(TURNS):
                await asyncio.sleep(0)
            self._news.clear()
            if not self._closing:
                await self._send(self._take())

    def close(self) -> None:
        """Let `pump` return after the append it is at; the rest goes with the last one."""
        self._closing = True
        self._news.set()

    def reopen(self) -> None:
        """The last append was refused: `pump` may be run again."""
        self._closing = False

    async def flush(self) -> None:
        """Append what is still buffered, after `pump` returned."""
        if self._buffer.entries:
            await self._send(self._take())

    async def end(
        self, type_: EventType, data: dict[str, Any], *, seen: int, cascade: Command | None = None
    ) -> None:
        """Append the terminal event with all that is still buffered, after `pump` returned.

        `seen` deliveries are known to the caller and applied by this event; `cascade` goes on to
        the children. Raises Fenced; raises InboxMoved when there are more deliveries: then
        nothing is changed and the call may be made again.
        """
        append = self._append(self._buffer, (type_, data))
        passed_on = cascade or append.cascade
        await self._journal.append(
            replace(append, ends=True, seen=seen, cursor=seen, cascade=passed_on)
        )
        metrics.executions_ended.labels(type_.value).inc()
        self._settled(append, type_, data)

    async def park(self, data: dict[str, Any], *, seen: int, wake_at: int | None) -> None:
        """Append `flow:parked` with all that is still buffered, and give the lease back.

        Raises as `end` does."""
        type_ = EventType.FLOW_PARKED
        append = self._append(self._buffer, (type_, data))
        await self._journal.append(replace(append, parks=True, seen=seen, wake_at=wake_at))
        self._settled(append, type_, data)

    def _settled(self, append: Append, type_: EventType, data: dict[str, Any]) -> None:
        """The last append of the segment is committed."""
        self._tell_family(append)
        if self._observe is not None:
            self._observe(type_, append.entries[-1].at, data)
        self._on_commit()

    def _take(self) -> _Buffer:
        taken, self._buffer = self._buffer, _Buffer()
        return taken

    def _append(
        self, buffer: _Buffer, last: tuple[EventType, dict[str, Any]] | None = None
    ) -> Append:
        """The append of what is buffered, and of one more event."""
        entries, folded = tuple(buffer.entries), buffer.folded
        if last is not None:
            at, (type_, data) = self._clock(), last
            entries += (Entry(self._next, type_.value, at, dumps(data)),)
            moved = after(self._folded, type_, at, data)
            folded = folded if moved is self._folded else moved
        return Append(
            lease=self._lease,
            batch_id=uuid4().hex,
            expected=self._committed_to,
            entries=entries,
            cursor=self._cursor,
            root_execution_id=self._root,
            folded=folded,
            blobs=tuple(buffer.blobs),
            progress=buffer.progress,
            children=tuple(buffer.children),
            cascade=buffer.cascade,
        )

    async def _send(self, buffer: _Buffer) -> None:
        sent_at = time.monotonic()
        append = self._append(buffer)
        await self._journal.append(append)
        self._committed_to += len(append.entries)
        self._sent_at = sent_at
        progress, self._progress = self._progress, asyncio.Event()
        progress.set()
        while self._callbacks and self._callbacks[0][0] <= self._committed_to:
            self._callbacks.popleft()[1]()
        self._tell_family(append)
        if append.entries:
            self._on_commit()

    def _tell_family(self, append: Append) -> None:
        if append.children:
            self._on_spawn(append.children)
        if append.cascade is not None:
            self._on_cascade()

    async def _wait_for_progress(self) -> None:
        await self._progress.wait()

    def _lighten(self, data: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Move values that are too large for the journal into blobs."""
        light: dict[str, Any] = {}
        large: dict[str, Any] = {}
        for port_id, value in data["values"].items():
            encoded = dumps(value)
            if len(encoded) <= BLOB_BYTES:
                light[port_id] = value
                continue
            digest = hashlib.sha256(encoded).hexdigest()
            self._buffer.blobs.append(Blob(digest, encoded))
            large[port_id] = {"$blob": digest, "size": len(encoded)}
        moved = {**data, "values": light, "large": large}
        return moved, dumps(moved)


def large_values(data: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The references to blobs in an event: port id -> {"$blob": hash, "size": bytes}."""
    found: Mapping[str, Mapping[str, Any]] = data.get("large") or {}
    return found
