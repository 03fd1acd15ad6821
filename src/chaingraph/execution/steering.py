"""Commands to executions: each is a delivery to an inbox, judged by the state it meets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any
from uuid import uuid4

from chaingraph.engine.breakpoints import Breakpoints
from chaingraph.engine.events import EventType
from chaingraph.engine.waiting import refusal
from chaingraph.errors import BadInput, Forbidden
from chaingraph.execution.commands import DEFAULT_STOP_REASON, Answer
from chaingraph.execution.family import DOWN, UP
from chaingraph.execution.ownership import OfOwners
from chaingraph.execution.plainly import plainly
from chaingraph.execution.ports import Bell, Journal, commands_of
from chaingraph.execution.principals import Principal
from chaingraph.execution.reading import decode, read_events
from chaingraph.execution.records import Command, CommandKind, Disposition, Segment, Stored

#: What ends a wait.
_OVER = (EventType.NODE_ANSWERED, EventType.NODE_FAILED, EventType.NODE_STARTED)
#: So much at a time is read on behalf of those who do not own it.
READS_FOR_STRANGERS = 2
#: A signal may carry so many bytes of JSON.
MAX_SIGNAL_BYTES = 1024 * 1024


class Steering(OfOwners):
    """Starts, holds, moves and stops executions, on behalf of a principal.

    A repeated `command_id` gets the first answer again and changes nothing. Raises
    ExecutionNotFound, Forbidden, IllegalTransition, and BadInput for what cannot be done.
    """

    def __init__(
        self,
        journal: Journal,
        bell: Bell,
        *,
        launch: Callable[[Segment], None],
        errand: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._bell = bell
        self._launch = launch
        self._errand = errand
        # Anybody can ask for it, and a journal may be long.
        self._for_strangers = asyncio.Semaphore(READS_FOR_STRANGERS)

    async def start(
        self, principal: Principal, execution_id: str, *, command_id: str | None = None
    ) -> None:
        """Let a created execution run."""
        await self._send(principal, execution_id, CommandKind.START, {}, command_id)

    async def stop(
        self,
        principal: Principal,
        execution_id: str,
        *,
        reason: str | None = None,
        command_id: str | None = None,
    ) -> None:
        """Cancel the running bodies and end in `flow:cancelled`; its children with it."""
        data = {"reason": reason or DEFAULT_STOP_REASON}
        await self._send(principal, execution_id, CommandKind.STOP, data, command_id)

    async def pause(
        self,
        principal: Principal,
        execution_id: str,
        *,
        reason: str | None = None,
        tree: bool = False,
        now: bool = False,
        command_id: str | None = None,
    ) -> None:
        """Let running bodies end and begin no more nodes, until `resume`.

        `tree` pauses all descendants too. With `now` running bodies are cancelled, and run again
        when the execution is resumed; those of `once` nodes are let finish.
        """
        data = {"reason": reason, "tree": tree, "now": now}
        await self._send(principal, execution_id, CommandKind.PAUSE, data, command_id)

    async def resume(
        self,
        principal: Principal,
        execution_id: str,
        *,
        tree: bool = False,
        command_id: str | None = None,
    ) -> None:
        """Go on, up to the next breakpoint. Whoever was paused as a tree goes on as a tree."""
        data = {"tree": tree}
        await self._send(principal, execution_id, CommandKind.RESUME, data, command_id)

    async def step(
        self, principal: Principal, execution_id: str, *, command_id: str | None = None
    ) -> None:
        """Run exactly one node of a paused execution, the first that is held."""
        await self._send(principal, execution_id, CommandKind.STEP, {}, command_id)

    async def set_breakpoints(
        self,
        principal: Principal,
        execution_id: str,
        breakpoints: Sequence[str | Mapping[str, Any]],
        *,
        command_id: str | None = None,
    ) -> None:
        """Hold at these nodes and edges, and at no others. Raises BadInput."""
        chosen = Breakpoints.of(breakpoints)
        snapshot = (await self._owned(principal, execution_id)).dispatch.snapshot
        if snapshot:
            flow = json.loads(await self._journal.flow_of(snapshot))
            chosen.check(*({each["id"] for each in flow[key]} for key in ("nodes", "edges")))
        data = {"breakpoints": list(breakpoints)}
        await self._send(principal, execution_id, CommandKind.BREAKPOINTS, data, command_id)

    async def signal(
        self,
        principal: Principal,
        execution_id: str,
        name: str,
        value: Any = None,
        *,
        command_id: str | None = None,
    ) -> None:
        """Send a value to the node that waits, or will wait, for a signal of this name.

        Who is named as one who may answer, under whatever alias, need not own the execution.
        Raises BadInput when a node waits and the value does not fit.
        """
        value = _plain(name, value)
        stored = await self._stored(execution_id)
        is_stranger = not principal.may_use(stored.row.owner_id)
        waits = await self._waits(stored, name, all_of_them=is_stranger)
        refused = _objection(principal, stored, waits, name, value)
        if refused is not None and not await self._knows(stored, principal, command_id):
            raise refused
        data = {"name": name, "value": value, "role": principal.role, **_also(principal, waits)}
        command = Command(command_id or uuid4().hex, CommandKind.SIGNAL, principal.user_id, data)
        await self._deliver(execution_id, command)

    async def _knows(self, stored: Stored, principal: Principal, command_id: str | None) -> bool:
        """Whether this caller sent this very command before: then its first answer counts."""
        if command_id is None:
            return False
        is_owner = principal.may_use(stored.row.owner_id)
        async with nullcontext() if is_owner else self._for_strangers:
            known = await self._journal.inbox(stored.row.id, 0)
        sent = (command_id, principal.user_id)
        return any((each.id, each.caller) == sent for each in known)

    async def _waits(
        self, stored: Stored, name: str, *, all_of_them: bool
    ) -> list[Mapping[str, Any]]:
        """What the execution waits for under this name.

        While it is parked its last event tells. Else, and when that one leaves some out, only the
        whole journal does: read for those who are nobody unless they are named in it.
        """
        if stored.row.status.is_terminal or stored.dispatch.disposition is Disposition.DONE:
            return []
        last = stored.dispatch.next_position - 1
        for entry in await self._journal.read(stored.row.id, last, 1):
            data = decode(entry).data
            if entry.type == EventType.FLOW_PARKED and not data.get("more"):
                return [wait for wait in data["waits"] if wait.get("name") == name]
        if not all_of_them:
            return []
        async with self._for_strangers:
            waits = await open_waits(self._journal, stored)
        return [wait for wait in waits.values() if wait.get("name") == name]

    async def _send(
        self,
        principal: Principal,
        execution_id: str,
        kind: CommandKind,
        data: Mapping[str, Any],
        command_id: str | None,
    ) -> None:
        await self._owned(principal, execution_id)
        command = Command(command_id or uuid4().hex, kind, principal.user_id, data)
        await self._deliver(execution_id, command)

    async def _deliver(self, execution_id: str, command: Command) -> Answer:
        if command.id.startswith((DOWN, UP)):
            raise BadInput(f"A command id does not begin with {DOWN} or {UP}")
        answer = await self._journal.deliver(execution_id, command)
        self._bell.ring(commands_of(execution_id))
        self._bell.ring(execution_id)
        if answer.woke is not None:
            self._launch(Segment(execution_id, answer.woke))
        elif command.kind is CommandKind.STOP:
            self._errand()  # it may have ended here and now, and its children do not know yet
        return answer


async def open_waits(journal: Journal, stored: Stored) -> dict[str, Mapping[str, Any]]:
    """What the nodes of an execution wait for by its journal, by node."""
    waits: dict[str, Mapping[str, Any]] = {}
    async for batch in read_events(journal, stored, 0, stored.dispatch.next_position):
        for event in batch:
            if event.type is EventType.NODE_WAITING:
                waits[event.data["nodeId"]] = event.data["wait"]
            elif event.type in _OVER:
                waits.pop(event.data["nodeId"], None)
    return waits


def _objection(
    principal: Principal,
    stored: Stored,
    waits: Sequence[Mapping[str, Any]],
    name: str,
    value: Any,
) -> Forbidden | BadInput | None:
    """Why this principal cannot send this to an execution that waits so."""
    if not (_named(principal.names, waits) or principal.may_use(stored.row.owner_id)):
        return Forbidden(f"execution {stored.row.id}")
    reasons = [
        refusal(wait, value, principal.user_id, principal.role, principal.aliases) for wait in waits
    ]
    if reasons and None not in reasons:
        return BadInput(f"Signal {name} does not fit: {reasons[0]}")
    return None


def _also(principal: Principal, waits: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Under which other ids the sender may be named. The journal learns no more than it needs."""
    aliases = _named(principal.aliases, waits) if waits else principal.aliases
    return {"aliases": sorted(aliases)} if aliases else {}


def _named(names: Iterable[str], waits: Sequence[Mapping[str, Any]]) -> set[str]:
    """Those of the names that one of the waits is for."""
    assignees = [each for wait in waits for each in wait.get("assignees") or ()]
    return {name for name in names if name in assignees}


def _plain(name: str, value: Any) -> Any:
    """The value as JSON can say it."""
    if not name:
        raise BadInput("A signal has a name")
    kept = plainly(f"Signal {name}", value)
    size = len(json.dumps(kept))
    if size > MAX_SIGNAL_BYTES:
        raise BadInput(f"Signal {name} is {size:,} bytes; the limit is {MAX_SIGNAL_BYTES:,}")
    return kept
