"""One segment: a burst of work on one execution by one worker.

Claim the lease, load the journal and fold it, run until the flow ends, append the terminal event.
Whoever loses the lease on the way is refused by the next append and drops the execution.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from chaingraph import metrics
from chaingraph.engine.context import Identity
from chaingraph.engine.control import (
    Cancelled,
    Completed,
    Drained,
    Ended,
    Ending,
    FlowTimedOut,
    TimedOut,
)
from chaingraph.engine.events import EventType
from chaingraph.engine.graph import Graph
from chaingraph.engine.node import FlowEvent
from chaingraph.engine.options import Options
from chaingraph.engine.run import Run
from chaingraph.engine.state import FlowState
from chaingraph.errors import ExecutionNotFound, Fenced, InboxMoved, StoreUnavailable
from chaingraph.execution.boundary import reached
from chaingraph.execution.commands import DEFAULT_STOP_REASON
from chaingraph.execution.fold import Folded, after
from chaingraph.execution.ports import Bell, Journal, Ring, commands_of
from chaingraph.execution.reading import read_events
from chaingraph.execution.recorder import Recorder
from chaingraph.execution.records import Command, CommandKind, Lease, Segment, Stored
from chaingraph.superjson import JsError

if TYPE_CHECKING:
    from chaingraph.execution.tracing import SegmentTrace

log = logging.getLogger(__name__)

#: Deliveries are read at the ring, or after this many seconds when a ring was lost.
PATIENCE = 1.0


@dataclass(frozen=True, slots=True)
class Shutdown:
    """How a worker goes away: `begun` is set, then bodies have so many seconds to end."""

    grace: float = 0.0
    #: for bodies of `once` nodes, which nobody may start again
    once_grace: float = 0.0
    begun: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class World:
    """What a segment needs of the process it runs in."""

    journal: Journal
    bell: Bell
    compile_flow: Callable[[str, bytes], Graph]
    clock: Callable[[], int]
    lease_seconds: float
    max_value_bytes: int
    #: told of a segment that was queued just now
    launch: Callable[[Segment], None] = lambda segment: None
    shutdown: Shutdown = field(default_factory=Shutdown)
    #: makes the trace of a segment; None when nobody wants any
    trace: Callable[[Stored, Lease, Graph], SegmentTrace] | None = None


async def run_leased(world: World, lease: Lease) -> None:
    """Run the segment of a lease to its end.

    Raises what a defect raises; a lost lease is no defect.
    """
    reached("claimed")
    try:
        with metrics.segment():
            advance = await _load(world, lease)
            with advance.trace:
                await advance.advance()
    except* Fenced:
        log.info("lease lost, dropped", extra={"execution_id": lease.execution_id})


async def _load(world: World, lease: Lease) -> _Advance:
    stored = await world.journal.get(lease.execution_id)
    if stored is None:
        raise ExecutionNotFound(lease.execution_id)
    flow = await world.journal.flow_of(stored.dispatch.snapshot)
    state = FlowState(world.compile_flow(stored.dispatch.snapshot, flow))
    folded = Folded()
    end = stored.dispatch.next_position
    async for batch in read_events(world.journal, stored, 0, end):
        for event in batch:
            type_ = EventType(event.type)
            state.apply(type_, event.data)
            folded = after(folded, type_, event.at, event.data)
    return _Advance(world, lease, stored, state, folded)


class _Advance:
    """The work of one segment after it was loaded."""

    def __init__(
        self, world: World, lease: Lease, stored: Stored, state: FlowState, folded: Folded
    ) -> None:
        self._world = world
        self._stored = stored
        self._state = state
        self._seen = stored.dispatch.inbox_cursor
        self._id = lease.execution_id
        self._lease = lease
        self._stop: Command | None = None
        self._run: Run | None = None
        trace = world.trace and world.trace(stored, lease, state.graph)
        self.trace = trace or nullcontext()
        self._recorder = Recorder(
            world.journal,
            lease,
            root_execution_id=stored.row.root_execution_id,
            next_position=stored.dispatch.next_position,
            cursor=stored.dispatch.inbox_cursor,
            folded=folded,
            lease_seconds=world.lease_seconds,
            clock=world.clock,
            committed=lambda: world.bell.ring(lease.execution_id),
            observe=trace.saw if trace else None,
        )

    async def advance(self) -> None:
        with self._world.bell.listen(commands_of(self._id)) as ring:
            await self._read_inbox()  # what comes from now on rings
            await self._advance(ring)

    async def _advance(self, ring: Ring) -> None:
        if self._recorder.folded.started_at is None:
            self._recorder.record(EventType.FLOW_STARTED, {})
        async with asyncio.TaskGroup() as tasks:
            pump = tasks.create_task(self._recorder.pump())
            watches = (
                tasks.create_task(self._watch_inbox(ring)),
                tasks.create_task(self._watch_shutdown()),
            )
            ending = await self._drive()
            self._recorder.close()
            await pump
            if self._stop is not None:
                ending = Cancelled(_reason(self._stop))
            if isinstance(ending, Drained):
                await self._hand_over()
            else:
                await self._end(ending)
            for watch in watches:
                watch.cancel()

    async def _drive(self) -> Ending:
        started_at = self._recorder.folded.started_at or self._world.clock()
        run = Run(
            self._identity(),
            self._state,
            self._recorder,
            self._options(),
            started_at=started_at,
            clock=lambda: self._world.clock() / 1000,
        )
        self._run = run
        if self._stop is not None:
            run.stop(_reason(self._stop))
        if self._world.shutdown.begun.is_set():
            run.drain(self._world.shutdown.grace, self._world.shutdown.once_grace)
        return await run.drive()

    async def _watch_shutdown(self) -> None:
        shutdown = self._world.shutdown
        await shutdown.begun.wait()
        if self._run is not None:
            self._run.drain(shutdown.grace, shutdown.once_grace)

    async def _hand_over(self) -> None:
        await self._recorder.flush()
        segment = await self._world.journal.hand_over(self._lease)
        if segment is not None:
            self._world.launch(segment)

    async def _watch_inbox(self, ring: Ring) -> None:
        while True:
            await ring.wait(PATIENCE)
            ring.clear()
            with suppress(StoreUnavailable):
                await self._read_inbox()

    async def _read_inbox(self) -> None:
        for command in await self._world.journal.inbox(self._id, self._seen):
            if command.seq <= self._seen:
                continue
            self._seen = command.seq
            if command.kind is CommandKind.STOP and self._stop is None:
                self._stop = command
                if self._run is not None:
                    self._run.stop(_reason(command))
            if self._stop is None:
                # A stop is applied by the terminal event alone: until then a crash must find
                # it unread. So must it find all that came after it.
                self._recorder.applied(command.seq)

    async def _end(self, ending: Ended) -> None:
        while True:
            if self._stop is not None:
                ending = Cancelled(_reason(self._stop))
            type_, data = self._terminal(ending)
            try:
                await self._recorder.end(type_, data, seen=self._seen)
                return
            except InboxMoved:
                await self._read_inbox()

    def _terminal(self, ending: Ended) -> tuple[EventType, dict[str, Any]]:
        started_at = self._recorder.folded.started_at or 0
        elapsed = max(0, self._world.clock() - started_at)
        match ending:
            case Completed():
                return EventType.FLOW_COMPLETED, {"executionTime": elapsed}
            case Cancelled(reason):
                return EventType.FLOW_CANCELLED, {"reason": reason, "executionTime": elapsed}
            case TimedOut(limit_ms):
                error = JsError("Error", str(FlowTimedOut(limit_ms)))
                return EventType.FLOW_FAILED, {"error": error, "executionTime": elapsed}

    def _options(self) -> Options:
        options = Options.from_json(self._stored.row.options)
        return replace(options, max_value_bytes=self._world.max_value_bytes)

    def _identity(self) -> Identity:
        row = self._stored.row
        return Identity(
            execution_id=row.id,
            flow_id=row.flow_id,
            owner_id=row.owner_id,
            root_execution_id=row.root_execution_id,
            parent_execution_id=row.parent_execution_id,
            depth=row.execution_depth,
            event=_event(row.external_events),
        )


def _reason(stop: Command) -> str:
    return str(stop.data.get("reason") or DEFAULT_STOP_REASON)


def _event(external: list[Any] | None) -> FlowEvent | None:
    """Only the first external event starts an execution, as in the original."""
    if not external:
        return None
    first = external[0]
    return FlowEvent(str(first.get("eventName")), first.get("payload") or {})
