"""The holder's side of an inbox: deliveries are read at the ring and applied in their order.

Applying is recording: the cursor moves in the append that holds what came of a delivery. A stop
is applied by the terminal event alone: until then a crash must find it unread, and all that came
after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from chaingraph.engine.run import Run
from chaingraph.errors import StoreUnavailable
from chaingraph.execution.commands import DEFAULT_STOP_REASON
from chaingraph.execution.family import passed_on
from chaingraph.execution.ports import Journal, Ring
from chaingraph.execution.recorder import Recorder
from chaingraph.execution.records import Command, CommandKind, Status

#: Deliveries are read at the ring, or after this many seconds when a ring was lost.
PATIENCE = 1.0


class Inbox:
    """Reads the deliveries to one execution while a segment of it runs."""

    def __init__(
        self,
        journal: Journal,
        execution_id: str,
        run: Run,
        recorder: Recorder,
        result_of: Callable[[str], Awaitable[dict[str, Any]]],
        *,
        seen: int,
    ) -> None:
        self._journal = journal
        self._id = execution_id
        self._run = run
        self._recorder = recorder
        self._result_of = result_of
        #: the number of the last delivery that was read
        self.seen = seen
        #: the first stop that was read
        self.stop: Command | None = None
        self._reading = asyncio.Lock()

    async def watch(self, ring: Ring) -> None:
        """Read whenever it rings, for ever."""
        while True:
            await ring.wait(PATIENCE)
            ring.clear()
            with suppress(StoreUnavailable):
                await self.read()

    async def read(self) -> None:
        """Apply what has come."""
        async with self._reading:
            await self._take(await self._journal.inbox(self._id, self.seen))

    async def begin(self, unread: Sequence[Command]) -> None:
        """Apply what had come before the segment began."""
        async with self._reading:
            await self._take(unread)

    async def _take(self, commands: Sequence[Command]) -> None:
        for command in commands:
            if self.stop is None:
                await self._apply(command)
            self.seen = command.seq
            if self.stop is None:
                self._recorder.applied(command.seq)

    async def _apply(self, command: Command) -> None:
        told: dict[str, Any] = {"by": command.caller, "commandId": command.id}
        match command.kind:
            case CommandKind.STOP:
                self.stop = command
                self._run.stop(reason_of(command))
            case CommandKind.PAUSE:
                self._pause(command, told)
            case CommandKind.RESUME:
                self._resume(command, told)
            case CommandKind.STEP:
                self._run.step(told)
            case CommandKind.BREAKPOINTS:
                self._run.set_breakpoints({"breakpoints": command.data["breakpoints"], **told})
            case CommandKind.SIGNAL:
                self._run.signal(_signal_of(command))
            case CommandKind.CHILD:
                await self._child_ended(command)

    def _pause(self, command: Command, told: dict[str, Any]) -> None:
        data = command.data
        tree = bool(data.get("tree"))
        said = {"reason": data.get("reason"), **told, **({"tree": True} if tree else {})}
        self._run.pause(said, now=bool(data.get("now")))
        if tree:
            self._recorder.cascade(passed_on(command))

    def _resume(self, command: Command, told: dict[str, Any]) -> None:
        """What paused the tree is undone for the tree."""
        tree = bool(command.data.get("tree")) or self._run.is_paused_as_tree
        self._run.resume({**told, **({"tree": True} if tree else {})})
        if tree:
            self._recorder.cascade(passed_on(command))

    async def _child_ended(self, command: Command) -> None:
        """The outputs of a child are read only if a node waits for them."""
        outcome = {k: command.data.get(k) for k in ("executionId", "status", "error")}
        child_id = command.data["executionId"]
        result: dict[str, Any] = {}
        if self._run.awaits(child_id) and outcome["status"] == Status.COMPLETED:
            result = await self._result_of(child_id)
        self._run.child_ended(outcome, result)


def _signal_of(command: Command) -> dict[str, Any]:
    kept = {key: command.data.get(key) for key in ("name", "value", "role")}
    if aliases := command.data.get("aliases"):
        kept["aliases"] = aliases
    return {"signalId": command.id, "by": command.caller, **kept}


def reason_of(stop: Command) -> str:
    return str(stop.data.get("reason") or DEFAULT_STOP_REASON)
