"""One segment: a burst of work on one execution by one worker.

Claim the lease, load the journal and fold it, run until the flow ends or nothing can run without
the outside; then append the terminal event, or park. Whoever loses the lease on the way is
refused by the next append and drops the execution.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
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
    Failed,
    FlowTimedOut,
    Parked,
    TimedOut,
)
from chaingraph.engine.events import Event, EventType
from chaingraph.engine.graph import Graph
from chaingraph.engine.node import FlowEvent
from chaingraph.engine.options import Options
from chaingraph.engine.run import Run
from chaingraph.engine.seams import Vault
from chaingraph.engine.state import FlowState
from chaingraph.errors import ExecutionNotFound, Fenced, FlowNotFound, InboxMoved
from chaingraph.execution.active_time import ActiveTime
from chaingraph.execution.boundary import reached
from chaingraph.execution.children import Children, Limits, LoadFlow, result_of
from chaingraph.execution.family import farewell
from chaingraph.execution.fold import Folded, after
from chaingraph.execution.inbox import Inbox, reason_of
from chaingraph.execution.intake import Prepared
from chaingraph.execution.ports import Bell, Journal, NewExecution, Opened, Ring, commands_of
from chaingraph.execution.reading import PAGE, read_events, with_blobs
from chaingraph.execution.recorder import Recorder
from chaingraph.execution.records import Command, Lease, Segment, Stored
from chaingraph.execution.vault import NO_KEYS
from chaingraph.superjson import JsError

if TYPE_CHECKING:
    from chaingraph.execution.tracing import SegmentTrace

log = logging.getLogger(__name__)

#: So many waits are told of when it is parked: the event must not grow with the flow.
SHOWN = 20
#: So many of the children that were queued at once are told of; the rest are found without.
TOLD = 8


async def _no_flows(flow_id: str, inputs: Mapping[str, Any], owner_id: str) -> Prepared:
    raise FlowNotFound(flow_id)


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
    #: told that there is something to bring to a parent or to children
    errand: Callable[[], None] = lambda: None
    load_flow: LoadFlow = _no_flows
    limits: Limits = field(default_factory=Limits)
    vault: Vault = NO_KEYS
    #: makes the trace of a segment; None when nobody wants any
    trace: Callable[[Stored, Lease, Graph], SegmentTrace] | None = None


async def run_leased(world: World, lease: Lease) -> None:
    """Run the segment of a lease to its end.

    Raises what a defect raises; a lost lease is no defect.
    """
    reached("claimed")
    try:
        # What comes from now on rings.
        with metrics.segment(), world.bell.listen(commands_of(lease.execution_id)) as ring:
            advance = await _load(world, lease)
            with advance.trace:
                await advance.advance(ring)
    except* Fenced:
        log.info("lease lost, dropped", extra={"execution_id": lease.execution_id})


@dataclass(frozen=True, slots=True)
class _Loaded:
    """An execution as its journal tells it."""

    stored: Stored
    unread: list[Command]
    flow: bytes
    state: FlowState
    folded: Folded
    active: ActiveTime


async def _load(world: World, lease: Lease) -> _Advance:
    opened = await world.journal.open(lease.execution_id, PAGE)
    if opened is None:
        raise ExecutionNotFound(lease.execution_id)
    stored = opened.stored
    flow = await world.journal.flow_of(stored.dispatch.snapshot)
    state = FlowState(world.compile_flow(stored.dispatch.snapshot, flow))
    folded, active = Folded(), ActiveTime()
    async for batch in _events(world.journal, opened):
        for event in batch:
            type_ = EventType(event.type)
            state.apply(type_, event.data)
            folded = after(folded, type_, event.at, event.data)
            active.saw(type_, event.at)
    return _Advance(world, lease, _Loaded(stored, opened.unread, flow, state, folded, active))


async def _events(journal: Journal, opened: Opened) -> AsyncIterator[list[Event]]:
    stored, start = opened.stored, len(opened.entries)
    yield await with_blobs(journal, stored.row.root_execution_id, opened.entries)
    async for batch in read_events(journal, stored, start, stored.dispatch.next_position):
        yield batch


class _Advance:
    """The work of one segment after it was loaded."""

    def __init__(self, world: World, lease: Lease, loaded: _Loaded) -> None:
        self._world = world
        self._lease = lease
        self._id = lease.execution_id
        self._stored = loaded.stored
        self._unread = loaded.unread
        self._state = loaded.state
        trace = world.trace and world.trace(loaded.stored, lease, loaded.state.graph)
        self.trace = trace or nullcontext()
        self._recorder = Recorder(
            world.journal,
            lease,
            root_execution_id=loaded.stored.row.root_execution_id,
            next_position=loaded.stored.dispatch.next_position,
            cursor=loaded.stored.dispatch.inbox_cursor,
            folded=loaded.folded,
            lease_seconds=world.lease_seconds,
            clock=world.clock,
            committed=lambda: world.bell.ring(lease.execution_id),
            spawned=self._spawned,
            passed_on=world.errand,
            observe=trace.saw if trace else None,
        )
        self._run = self._new_run(loaded)
        self._inbox = Inbox(
            world.journal,
            self._id,
            self._run,
            self._recorder,
            self._result_of,
            seen=loaded.stored.dispatch.inbox_cursor,
        )

    async def advance(self, ring: Ring) -> None:
        if self._recorder.folded.started_at is None:
            self._recorder.record(EventType.FLOW_STARTED, {})
        await self._inbox.begin(self._unread)
        try:
            await self._advance(ring)
        finally:
            self._run.close()

    async def _advance(self, ring: Ring) -> None:
        async with asyncio.TaskGroup() as tasks:
            watches = (
                tasks.create_task(self._inbox.watch(ring)),
                tasks.create_task(self._watch_shutdown()),
            )
            while not await self._try_to_settle(tasks):
                await self._inbox.read()
            for watch in watches:
                watch.cancel()

    async def _try_to_settle(self, tasks: asyncio.TaskGroup) -> bool:
        """Drive the run and commit how it ended. False when a delivery came before that."""
        pump = tasks.create_task(self._recorder.pump())
        ending = await self._run.drive()
        seen = self._inbox.seen
        self._recorder.close()
        await pump
        with suppress(InboxMoved):
            if seen == self._inbox.seen:
                await self._settle(ending)
                return True
        self._recorder.reopen()
        return False

    async def _settle(self, ending: Ending) -> None:
        if self._inbox.stop is not None:
            ending = Cancelled(reason_of(self._inbox.stop))
        match ending:
            case Drained():
                await self._hand_over()
            case Parked(wake_at):
                told = self._parked(wake_at)
                await self._recorder.park(told, seen=self._inbox.seen, wake_at=wake_at)
            case _:
                await self._end(ending)

    async def _hand_over(self) -> None:
        """The time until somebody goes on does not count against the flow."""
        self._recorder.record(EventType.FLOW_PARKED, {**self._parked(None), "handedOver": True})
        await self._recorder.flush()
        segment = await self._world.journal.hand_over(self._lease)
        if segment is not None:
            self._world.launch(segment)

    async def _end(self, ending: Ended) -> None:
        type_, data = self._terminal(ending)
        cascade = None
        if self._state.open_children:
            folded = after(self._recorder.folded, type_, self._world.clock(), data)
            cascade = farewell(self._id, folded, self._inbox.stop)
        await self._recorder.end(type_, data, seen=self._inbox.seen, cascade=cascade)
        if cascade is not None or self._stored.row.parent_execution_id is not None:
            self._world.errand()

    def _parked(self, wake_at: int | None) -> dict[str, Any]:
        """What the execution waits for, as it is told."""
        waits = [
            {"nodeId": node_id, **wait}
            for node_id, node in self._state.nodes.items()
            if (wait := node.waits_for) is not None
        ]
        return {
            "waits": waits[:SHOWN],
            **({"more": len(waits) - SHOWN} if len(waits) > SHOWN else {}),
            "children": self._state.open_children,
            "paused": self._state.holds.pausing is not None,
            "wakeAt": wake_at,
        }

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
            case Failed(message, node_id):
                where = {"nodeId": node_id} if node_id is not None else {}
                error = JsError("Error", message)
                return EventType.FLOW_FAILED, {"error": error, "executionTime": elapsed, **where}

    def _spawned(self, children: Sequence[NewExecution]) -> None:
        for child in children[:TOLD]:
            self._world.launch(Segment(child.id, 1))

    async def _result_of(self, child_id: str) -> dict[str, Any]:
        child = await self._world.journal.get(child_id)
        if child is None:
            raise ExecutionNotFound(child_id)
        return await result_of(self._world.journal, child, self._world.compile_flow)

    async def _watch_shutdown(self) -> None:
        shutdown = self._world.shutdown
        await shutdown.begun.wait()
        self._run.drain(shutdown.grace, shutdown.once_grace)

    def _new_run(self, loaded: _Loaded) -> Run:
        world, options = self._world, self._options()
        children = Children(
            self._stored,
            self._state,
            loaded.flow,
            self._recorder,
            self._record,
            world.load_flow,
            world.limits,
            world.clock,
        )
        return Run(
            self._identity(),
            self._state,
            self._recorder,
            options,
            children,
            world.vault,
            time_left_ms=options.flow_timeout_ms - loaded.active.spent,
            clock=world.clock,
        )

    def _record(self, type_: EventType, data: dict[str, Any]) -> None:
        self._state.apply(type_, data)
        self._recorder.record(type_, data)

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


def _event(external: list[Any] | None) -> FlowEvent | None:
    """Only the first external event starts an execution, as in the original."""
    if not external:
        return None
    first = external[0]
    return FlowEvent(str(first.get("eventName")), first.get("payload") or {})
