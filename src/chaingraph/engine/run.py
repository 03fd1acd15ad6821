"""The dull part of running a flow: start what the plan names, wait, tell the plan.

Nothing here decides which node may run (`plan`), what an event means (`state`) or when it is safe
in the database (the recorder). Between two awaits the events of a node are recorded together, so
a commit never cuts through a node's step.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from chaingraph.engine.context import Identity
from chaingraph.engine.control import (
    Cancelled,
    Completed,
    Drained,
    Ending,
    Failed,
    FlowTimedOut,
    NodeStopped,
    Parked,
    TimedOut,
)
from chaingraph.engine.events import EventType
from chaingraph.engine.node import Kind, NodeError
from chaingraph.engine.options import Options
from chaingraph.engine.plan import Plan
from chaingraph.engine.ready import Ready
from chaingraph.engine.restoring import unfinished
from chaingraph.engine.seams import Children, Recorder, Vault
from chaingraph.engine.state import FlowState
from chaingraph.engine.step import Step
from chaingraph.engine.values import weigh
from chaingraph.engine.waiting import Waiting
from chaingraph.errors import ValueTooLarge

#: Quick nodes run one after the other on the loop; after so many others get their turn.
BURST = 64
#: What is due within so many milliseconds is waited for here; for anything longer the run rests.
LINGER_MS = 2_000
#: After the end of one child others are waited for so long, if nodes wait for more.
GATHER_SECONDS = 0.1


class Run:
    """One burst of work on one execution, from the folded state on.

    `drive` returns how the flow ended or why it rests; it records no terminal event itself. It
    may be cancelled from outside (lost lease, shutdown): then nothing more is recorded.
    """

    def __init__(
        self,
        identity: Identity,
        state: FlowState,
        recorder: Recorder,
        options: Options,
        children: Children,
        vault: Vault,
        *,
        time_left_ms: float,
        clock: Callable[[], int],
    ) -> None:
        self._state = state
        self._holds = state.holds
        self._recorder = recorder
        self._options = options
        self._graph = state.graph
        self._plan = Plan(state.graph, identity.event)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._ending: Ending | None = None
        self._is_restored = False
        self._draining = False
        self._abandoned = False
        #: nodes whose bodies a pause has cancelled
        self._interrupted: set[str] = set()
        self._clock = clock
        self._gathers_until = 0.0
        self._expires_at = time.monotonic() + time_left_ms / 1000
        self._waiting = Waiting(state, self._record, lambda node: self._enqueue([node]), clock)
        self._step = Step(
            identity,
            state,
            self._plan,
            self._record,
            recorder,
            self._enqueue,
            self,
            children,
            vault,
            max_value_bytes=options.max_value_bytes,
            clock=clock,
        )
        self._ready = Ready(state, options.breakpoints, self._step.ahead, self._hit)

    async def drive(self) -> Ending:
        """Run until the flow ends or nothing can run without the outside.

        After Parked it may be called again, when something came meanwhile.
        """
        if self._ending is None:
            self.restore()
            self._fail_with_child()
            await self._drive()
        if self._ending is not None:
            self._fail_the_lost()
            return self._ending
        if self._abandoned or self._ready:
            return Drained()
        if self._holds.pausing is not None:
            return Parked(None)
        if self._waiting:
            return Parked(self._waiting.wake_at)
        self._skip_the_rest()
        return Parked(None) if self._state.open_children else Completed()

    async def _drive(self) -> None:
        left = max(0.0, self._expires_at - time.monotonic())
        expiry = asyncio.get_running_loop().call_later(left, self._expire)
        try:
            async with asyncio.TaskGroup() as tasks:
                while self._ending is None and not self._is_at_rest():
                    self._launch(tasks)
                    await self._turn()
        finally:
            expiry.cancel()

    def close(self) -> None:
        """Nothing more will be driven."""
        self._waiting.close()

    def stop(self, reason: str) -> None:
        """Cancel the running bodies; `drive` returns Cancelled when they have ended."""
        self._end(Cancelled(reason))

    def fail(self, message: str, node_id: str | None = None) -> None:
        """As `stop`; `drive` returns Failed."""
        self._end(Failed(message, node_id))

    def pause(self, told: dict[str, Any], *, now: bool = False) -> None:
        """Begin no more nodes; `now`: cancel the running bodies too, to run them again later."""
        if self._holds.pausing is None or (told.get("tree") and not self.is_paused_as_tree):
            self._record(EventType.FLOW_PAUSED, told)
        if now:
            self._interrupt()
        self._wake.set()

    @property
    def is_paused_as_tree(self) -> bool:
        """Whether the pause in force is one of the whole tree."""
        return bool((self._holds.pausing or {}).get("tree"))

    def resume(self, told: dict[str, Any]) -> None:
        """Go on, past the breakpoints that were hit."""
        if self._holds.pausing is not None:
            self._record(EventType.FLOW_RESUMED, told)
            self._waiting.looked_at()
            self._wake.set()

    def step(self, told: dict[str, Any]) -> None:
        """Let the first node that is held run, while the flow stays paused.

        If none is there yet, because what feeds it still runs, it is the next that comes.
        """
        self.restore()
        held = [*self._ready.held, *self._waiting.exhausted]
        self._record(EventType.STEPPED, {"nodeId": held[0] if held else None, **told})
        self._waiting.looked_at()
        self._wake.set()

    def _pay_steps(self) -> None:
        while self._holds.owed and (held := self._ready.held):
            self._record(EventType.STEPPED, {"nodeId": held[0], "owed": True})

    def set_breakpoints(self, told: dict[str, Any]) -> None:
        self._record(EventType.BREAKPOINTS_SET, told)
        self._ready.take_breakpoints()

    def signal(self, told: dict[str, Any]) -> None:
        """Take in a signal: signalId, name, value, by. It is kept until a node wants it."""
        self.restore()
        self._record(EventType.SIGNAL_RECEIVED, told)
        self._waiting.signal_came(told["name"])

    def child_ended(self, outcome: dict[str, Any], result: Mapping[str, Any]) -> None:
        """Take in the end of a child: executionId, status and error; if wanted its `outputs`, and
        as `error` what went wrong in it although it completed."""
        self.restore()
        awaited = self._waiting.waits_for_child(outcome["executionId"])
        type_ = EventType.CHILD_FAILED
        if outcome["status"] == "completed":
            type_ = EventType.CHILD_COMPLETED
        told = {k: v for k, v in outcome.items() if v is not None}
        self._record(type_, {**told, "awaited": True} if awaited else told)
        self._waiting.child_ended({**outcome, **self._weighed(result)})
        self._fail_with_child()
        self._gather()
        self._wake.set()

    def _weighed(self, result: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            weigh("What the child has come to", result, self._options.max_value_bytes)
        except ValueTooLarge as error:
            return {"outputs": {}, "error": str(error)}
        return result

    def _gather(self) -> None:
        """Nodes that wait for several children need not each cost a segment."""
        if self._waiting:
            self._gathers_until = time.monotonic() + GATHER_SECONDS
            asyncio.get_running_loop().call_later(GATHER_SECONDS, self._wake.set)

    def _fail_with_child(self) -> None:
        failed = self._state.failed_child
        if failed is not None and self._options.fails_with_child:
            error = f": {failed['error']}" if failed.get("error") else ""
            self.fail(f"Child execution {failed['executionId']} {failed['status']}{error}")

    def awaits(self, child_id: str) -> bool:
        """Whether a node waits for this child and wants its outputs."""
        self.restore()
        return self._waiting.waits_for_child(child_id)

    def drain(self, grace: float, once_grace: float) -> None:
        """Begin no more nodes; `drive` returns Drained when the bodies have ended, if any is left.

        After `grace` seconds they are cancelled and nothing is recorded of that; those of `once`
        nodes, which cannot run again, after `once_grace`.
        """
        self._draining = True
        self._wake.set()
        loop = asyncio.get_running_loop()
        loop.call_later(grace, self._abandon, (Kind.PURE, Kind.EFFECT))
        loop.call_later(max(grace, once_grace), self._abandon, tuple(Kind))

    def restore(self) -> None:
        """Go on from where the journal is. Done once."""
        if not self._is_restored:
            self._is_restored = True
            for node_id in unfinished(self._plan, self._state, self._greet):
                self._take_up(node_id)

    def _greet(self, node_id: str) -> None:
        self._status(node_id, "initialized", old="idle")

    def _take_up(self, node_id: str) -> None:
        """A node that is ready by plan runs, or goes on waiting."""
        if self._state.nodes[node_id].waits_for is not None:
            self._waiting.add(node_id)
        else:
            self._ready.extend((node_id,))

    def meaning(self, node_id: str, error: BaseException) -> Exception:
        """On stop the body has the last word, a time-out speaks for itself. Raises
        CancelledError when the run or a pause cancelled it, whatever the body made of it."""
        match self._ending:
            case TimedOut(limit_ms):
                return NodeStopped(node_id, str(FlowTimedOut(limit_ms)))
            case Failed(message):
                return NodeStopped(node_id, message)
            case Cancelled(reason) if isinstance(error, asyncio.CancelledError):
                return NodeStopped(node_id, reason)
            case None if _is_being_cancelled():
                raise asyncio.CancelledError from error
        return error if isinstance(error, Exception) else NodeError("The body cancelled itself")

    def may_retry(self) -> bool:
        return self._ending is None

    def waits(self, node_id: str) -> None:
        self._waiting.add(node_id)
        self._wake.set()

    def ask_human(self, node_id: str, message: str) -> None:
        self._waiting.add(node_id)
        reason = f"Node {node_id} failed and is out of tries: {message}"
        self.pause({"reason": reason, "by": "retry", "nodeId": node_id})

    def passed_limit(self, node_id: str, message: str) -> None:
        self.fail(message, node_id)

    def _launch(self, tasks: asyncio.TaskGroup) -> None:
        budget = BURST
        self._pay_steps()
        most = self._options.max_concurrency
        while budget and not self._draining and len(self._tasks) < most:
            node_id = self._ready.take()
            if node_id is None:
                return
            if node_id in self._graph.quick:
                self._step.run_quick(node_id)
                budget -= 1
            else:
                task = self._tasks[node_id] = tasks.create_task(self._run_one(node_id))
                task.add_done_callback(partial(self._is_over, node_id))

    def _hit(self, told: dict[str, Any]) -> None:
        """A breakpoint holds the flow."""
        self._record(EventType.BREAKPOINT_HIT, told)
        at = f"edge {told['edgeId']}" if "edgeId" in told else f"node {told['nodeId']}"
        reason = f"Breakpoint at {at}"
        self.pause({"reason": reason, "by": "breakpoint", "nodeId": told["nodeId"]})

    def _may_launch(self) -> bool:
        return not self._draining and bool(self._ready)

    def _is_at_rest(self) -> bool:
        if self._tasks or self._may_launch():
            return False
        if self._holds.pausing is None:
            self._waiting.look_at_clock()
        return not (self._may_launch() or self._lingers())

    def _lingers(self) -> bool:
        """Whether something is due so soon that it is waited for here."""
        if self._draining or self._holds.pausing is not None:
            return False
        if time.monotonic() < self._gathers_until:
            return True
        due = self._waiting.wake_at
        return due is not None and due - self._clock() <= LINGER_MS

    async def _turn(self) -> None:
        if self._may_launch() and len(self._tasks) < self._options.max_concurrency:
            await self._recorder.room()
            return
        self._wake.clear()
        if self._ending is None and not self._is_at_rest():
            await self._wake.wait()

    async def _run_one(self, node_id: str) -> None:
        if self._ready.is_paused(node_id):  # just now
            self._ready.put_back(node_id)
        else:
            limit = self._graph.timeouts.get(node_id, self._options.node_timeout_ms)
            await self._step.run(node_id, limit)

    def _is_over(self, node_id: str, task: asyncio.Task[None]) -> None:
        """Called also for a task that was cancelled before it began."""
        if self._tasks.get(node_id) is not task:
            return  # what the node waited for was there already, and it runs again
        del self._tasks[node_id]
        if node_id in self._interrupted:
            self._interrupted.discard(node_id)
            if self._state.nodes[node_id].outcome is None:
                self._take_up(node_id)
        self._wake.set()

    def _interrupt(self) -> None:
        """Cancel the bodies that may run again. Those in threads cannot be cancelled: they end."""
        for node_id, task in self._tasks.items():
            node_type = self._graph.types[node_id]
            if node_type.is_async and node_type.kind is not Kind.ONCE and task.cancel():
                self._interrupted.add(node_id)

    def _abandon(self, kinds: tuple[Kind, ...]) -> None:
        for node_id, task in self._tasks.items():
            if self._graph.types[node_id].kind in kinds:
                self._abandoned = True
                task.cancel()

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

    def _skip_the_rest(self) -> None:
        for node_id in self._plan.never_ready():
            if self._state.nodes[node_id].outcome is None:
                self._status(node_id, "skipped")
                reason = "there are unresolved input ports"
                self._record(EventType.NODE_SKIPPED, {"nodeId": node_id, "reason": reason})

    def _fail_the_lost(self) -> None:
        """Nodes that had begun, and wait or were lost, are not begun again only to be stopped."""
        self._waiting.close()
        for node_id, node in self._state.nodes.items():
            if node.status == "executing" and node.outcome is None:
                sleeps = node.wait is not None and node.wait["kind"] == "sleep"
                error = NodeError("Sleep aborted") if sleeps else asyncio.CancelledError()
                self._step.fail(node_id, self.meaning(node_id, error))

    def _status(self, node_id: str, new: str, old: str | None = None) -> None:
        was = old if old is not None else self._state.nodes[node_id].status
        change = {"nodeId": node_id, "oldStatus": was, "newStatus": new}
        self._record(EventType.NODE_STATUS_CHANGED, change)


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
