"""The dull part of running a flow: start what the plan names, wait, tell the plan.

Nothing here decides which node may run (`plan`), what an event means (`state`) or when it is safe
in the database (the recorder). Between two awaits the events of a node are recorded together, so
a commit never cuts through a node's step.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from chaingraph.engine.context import Identity
from chaingraph.engine.control import (
    Cancelled,
    Completed,
    Drained,
    Ending,
    FlowTimedOut,
    NodeStopped,
    TimedOut,
)
from chaingraph.engine.events import EventType
from chaingraph.engine.node import Kind, NodeError
from chaingraph.engine.options import Options
from chaingraph.engine.plan import Plan
from chaingraph.engine.state import FlowState
from chaingraph.engine.step import Step

#: Quick nodes run one after the other on the loop; after so many others get their turn.
BURST = 64


class Recorder(Protocol):
    """The engine's side of the journal."""

    def record(self, type_: EventType, data: dict[str, Any]) -> None:
        """Add an event at the end. It is seen by nobody until it is committed."""

    async def committed(self) -> None:
        """Return when all that was recorded is committed under a lease that is still good."""

    async def room(self) -> None:
        """Let others run; wait while too much is recorded and not yet committed."""

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call once all that was recorded so far is committed."""


class Run:
    """One burst of work on one execution, from the folded state on.

    `drive` returns how the flow ended; it records no flow event itself. It may be cancelled from
    outside (lost lease, shutdown): then nothing more is recorded.
    """

    def __init__(
        self,
        identity: Identity,
        state: FlowState,
        recorder: Recorder,
        options: Options,
        *,
        started_at: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._state = state
        self._recorder = recorder
        self._options = options
        self._graph = state.graph
        self._plan = Plan(state.graph, identity.event)
        self._ready: deque[str] = deque()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._ending: Ending | None = None
        self._draining = False
        self._abandoned = False
        self._deadline = started_at / 1000 + options.flow_timeout_ms / 1000
        self._clock = clock
        self._step = Step(
            identity,
            state,
            self._plan,
            self._record,
            recorder,
            self._enqueue,
            self._meaning,
            max_value_bytes=options.max_value_bytes,
        )

    async def drive(self) -> Ending:
        """Run until nothing can run any more, `stop`, or the flow's time is over."""
        if self._ending is None:
            await self._drive()
        if self._ending is not None:
            self._fail_the_lost()
            return self._ending
        if self._ready or self._abandoned:
            return Drained()
        self._skip_the_rest()
        return Completed()

    async def _drive(self) -> None:
        self._restore()
        left = max(0.0, self._deadline - self._clock())
        expiry = asyncio.get_running_loop().call_later(left, self._expire)
        try:
            async with asyncio.TaskGroup() as tasks:
                while self._ending is None and (self._tasks or self._may_launch()):
                    self._launch(tasks)
                    await self._turn()
        finally:
            expiry.cancel()

    def stop(self, reason: str) -> None:
        """Cancel the running bodies; `drive` returns Cancelled when they have ended."""
        self._end(Cancelled(reason))

    def drain(self, grace: float, once_grace: float) -> None:
        """Begin no more nodes; `drive` returns Drained, or Completed, when the bodies have ended.

        After `grace` seconds they are cancelled and nothing is recorded of that; those of `once`
        nodes, which cannot run again, after `once_grace`.
        """
        self._draining = True
        self._wake.set()
        loop = asyncio.get_running_loop()
        loop.call_later(grace, self._abandon, (Kind.PURE, Kind.EFFECT))
        loop.call_later(max(grace, once_grace), self._abandon, tuple(Kind))

    def _abandon(self, kinds: tuple[Kind, ...]) -> None:
        for node_id, task in self._tasks.items():
            if self._graph.types[node_id].kind in kinds:
                self._abandoned = True
                task.cancel()

    def _may_launch(self) -> bool:
        return bool(self._ready) and not self._draining

    def _expire(self) -> None:
        self._end(TimedOut(self._options.flow_timeout_ms))

    def _end(self, ending: Ending) -> None:
        if self._ending is None:
            self._ending = ending
            for task in self._tasks.values():
                task.cancel()
            self._wake.set()

    def _record(self, type_: EventType, data: dict[str, Any]) -> None:
        self._state.apply(type_, data)
        self._recorder.record(type_, data)

    def _enqueue(self, nodes: list[str]) -> None:
        self._ready.extend(nodes)
        self._wake.set()

    def _restore(self) -> None:
        """Bring the plan to where the journal is, and greet the nodes that wait for nothing.

        Nodes come after those that feed them, so a stream is begun anew before it is read anew.
        """
        self._state.all_committed()
        first = self._plan.first()
        for node_id in first:
            if not self._state.nodes[node_id].announced:
                self._status(node_id, "initialized", old="idle")
        todo = deque(first)
        for container in self._graph.children:  # may give a port on before it is ready itself
            todo += self._resolve_again(container)
        while todo:
            node_id = todo.popleft()
            outcome = self._state.nodes[node_id].outcome
            todo += self._resolve_again(node_id)
            if outcome is None:
                self._ready.append(node_id)
            else:
                todo += self._plan.finish(node_id, outcome)

    def _resolve_again(self, node_id: str) -> list[str]:
        ports = self._state.nodes[node_id].resolved
        return [ready for port in sorted(ports) for ready in self._plan.resolve(node_id, port)]

    def _launch(self, tasks: asyncio.TaskGroup) -> None:
        budget = BURST
        while self._may_launch() and budget and len(self._tasks) < self._options.max_concurrency:
            node_id = self._ready.popleft()
            node_type = self._graph.types[node_id]
            if node_type.quick and node_type.kind is Kind.PURE:
                self._step.run_quick(node_id)
                budget -= 1
            else:
                self._tasks[node_id] = tasks.create_task(self._run_one(node_id), name=node_id)

    async def _turn(self) -> None:
        if self._may_launch() and len(self._tasks) < self._options.max_concurrency:
            await self._recorder.room()
            return
        self._wake.clear()
        if self._ending is None and self._tasks:
            await self._wake.wait()

    async def _run_one(self, node_id: str) -> None:
        try:
            await self._step.run(node_id, self._options.node_timeout_ms)
        finally:
            del self._tasks[node_id]
            self._wake.set()

    def _meaning(self, node_id: str, error: BaseException) -> Exception:
        """What the node fails with whose body ended in `error`.

        On stop the body has the last word, a time-out speaks for itself. Raises CancelledError
        when the run is cancelled from outside, whatever the body made of it.
        """
        match self._ending:
            case TimedOut(limit_ms):
                return NodeStopped(node_id, str(FlowTimedOut(limit_ms)))
            case Cancelled(reason) if isinstance(error, asyncio.CancelledError):
                return NodeStopped(node_id, reason)
            case None if _is_being_cancelled():
                raise asyncio.CancelledError from error
        return error if isinstance(error, Exception) else NodeError("The body cancelled itself")

    def _skip_the_rest(self) -> None:
        for node_id in self._plan.never_ready():
            if self._state.nodes[node_id].outcome is None:
                self._status(node_id, "skipped")
                reason = "there are unresolved input ports"
                self._record(EventType.NODE_SKIPPED, {"nodeId": node_id, "reason": reason})

    def _fail_the_lost(self) -> None:
        """Nodes that a lost worker had begun are not begun again only to be stopped."""
        for node_id, node in self._state.nodes.items():
            if node.status == "executing" and node.outcome is None:
                self._step.fail(node_id, self._meaning(node_id, asyncio.CancelledError()))

    def _status(self, node_id: str, new: str, old: str | None = None) -> None:
        was = old if old is not None else self._state.nodes[node_id].status
        change = {"nodeId": node_id, "oldStatus": was, "newStatus": new}
        self._record(EventType.NODE_STATUS_CHANGED, change)


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
