"""What an execution may do, as plain data; what it may not do raises AssertionError."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chaingraph.engine.events import Event, EventType
from chaingraph.execution.family import DOWN, UP
from chaingraph.execution.records import Command, CommandKind, Disposition, Status, Stored
from chaingraph.execution.worker import POISON

#: The status that a command needs, and the one that it leads to.
NEEDS = {"start": "created", "pause": "running", "resume": "paused", "step": "paused"}
LEADS_TO = {"start": "running", "pause": "paused", "resume": "running", "stop": "stopped"}
#: The statuses that an event needs, and the one that it means: of the flow, or of its node.
MOVES = {
    "flow:started": (("created",), "running"),
    "flow:paused": (("running", "paused"), "paused"),
    "flow:resumed": (("paused",), "running"),
    "flow:completed": (("running",), "completed"),
    "flow:failed": (("created", "running", "paused"), "failed"),
    "flow:cancelled": (("created", "running", "paused"), "stopped"),
    "node:started": (("idle", "running", "again"), "running"),
    "node:waiting": (("running",), "waiting"),
    "node:answered": (("waiting",), "answered"),
    "node:retry-scheduled": (("running",), "again"),
    "node:completed": (("running", "answered"), "ended"),
    "node:failed": (("running", "waiting", "answered", "again"), "ended"),
    "node:skipped": (("idle", "running"), "ended"),
}
#: The command that an event applies, and where the event names it.
APPLIES = {
    "flow:paused": ("pause", "commandId"),
    "flow:resumed": ("resume", "commandId"),
    "debug:stepped": ("step", "commandId"),
    "debug:breakpoints-set": ("breakpoints", "commandId"),
    "signal:received": ("signal", "signalId"),
    "child:completed": ("child", "executionId"),
    "child:failed": ("child", "executionId"),
}


@dataclass
class NodeModel:
    sources: frozenset[str]
    state: str = "idle"
    starts: int = 0
    tries: int = 1
    again_at: int | None = None
    wait: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Model:
    """One execution. `losses` counts what may have cut its bodies short."""

    id: str
    nodes: dict[str, NodeModel]
    parent: Model | None = None
    is_fork: bool = False
    fails_with_child: bool = False
    losses: int = 0
    status: Status = Status.CREATED
    paused_itself: bool = False
    promised: set[str] = field(default_factory=set)
    inbox: list[Command] = field(default_factory=list)
    cursor: int = 0
    applied: int = 0
    released: set[str] = field(default_factory=set)
    signals: dict[str, str] = field(default_factory=dict)
    children: dict[str, Model] = field(default_factory=dict)
    open_children: set[str] = field(default_factory=set)

    def knows(self, command_id: str) -> bool:
        return any(each.id == command_id for each in self.inbox)

    def accepts(self, kind: CommandKind) -> bool:
        """Whether a new command is accepted: by the status that the accepted ones lead to."""
        status = self.status
        if kind != "stop":  # which may be repeated
            for command in self.inbox[self.cursor :]:
                if not status.is_terminal:
                    status = Status(LEADS_TO.get(command.kind, status))
        return not status.is_terminal and NEEDS.get(kind, status) == status

    def delivered(self, command: Command) -> None:
        assert not self.knows(command.id), f"{command.id} is delivered twice"
        self.inbox.append(command)

    def saw(self, event: Event) -> None:
        """One more event of the journal."""
        type_, data = event.type, event.data
        assert not self.status.is_terminal, f"{type_} after the end"
        if type_ in APPLIES and data.get("by") not in ("breakpoint", "retry"):
            kind, key = APPLIES[type_]
            if not data.get("owed"):
                self._apply(kind, UP + data[key] if kind == "child" else data[key])
        if type_ in MOVES and type_.startswith("node:"):
            self._move(event, data["nodeId"], self.nodes[data["nodeId"]])
        elif type_ in MOVES:
            self._turn(event)
        match type_:
            case EventType.STEPPED:
                self.released.add(data["nodeId"])
            case EventType.SIGNAL_RECEIVED:
                self.signals[data["signalId"]] = data["name"]
            case EventType.CHILD_SPAWNED:
                self.open_children.add(data["executionId"])
            case EventType.CHILD_COMPLETED | EventType.CHILD_FAILED:
                self.open_children.remove(data["executionId"])

    def _apply(self, kind: str, command_id: str) -> None:
        """Commands are applied in their order, each once, and only what was delivered."""
        fits = NEEDS.get(kind, self.status) == self.status
        assert fits or (kind == "pause" and self.paused_itself), f"{kind}: {self.status}"
        at = [f"{each.kind} {each.id}" for each in self.inbox].index(f"{kind} {command_id}") + 1
        assert at > self.applied, f"{kind} {command_id} is applied twice, or too late"
        self.applied = at

    def _turn(self, event: Event) -> None:
        needs, status = MOVES[event.type]
        assert self.status in needs, f"{event.type} while it is {self.status}"
        needed = {"flow:started": "start", "flow:cancelled": "stop"}.get(event.type)
        assert needed is None or needed in {each.kind for each in self.inbox}, event
        match event.type:
            case EventType.FLOW_COMPLETED:
                left = [n for n in self.nodes.values() if n.state not in ("idle", "ended")]
                assert not left and not self.open_children, f"it completes before {left}"
            case EventType.FLOW_FAILED:
                lost = any(each.status in ("failed", "stopped") for each in self.children.values())
                assert (self.fails_with_child and lost) or self.losses >= POISON, event
            case _:
                self.released.clear()
                self.paused_itself = status == "paused" and "commandId" not in event.data
        self.status = Status(status)

    def _move(self, event: Event, node_id: str, node: NodeModel) -> None:
        (needs, state), data = MOVES[event.type], event.data
        if not (self.is_fork and self.status is Status.CREATED):  # else it is taken over
            assert node.state in needs, f"{event.type} of {node_id}, which is {node.state}"
            if event.type is EventType.NODE_STARTED:
                self._start(event.at, node_id, node)
            elif event.type is EventType.NODE_ANSWERED:
                self._answer(event.at, node.wait, data["answer"])
        if event.type is EventType.NODE_RETRY_SCHEDULED:
            node.tries, node.again_at = node.tries + 1, data["at"]
        node.state, node.wait = state, data.get("wait", node.wait)

    def _start(self, at: int, node_id: str, node: NodeModel) -> None:
        assert all(self.nodes[each].state == "ended" for each in node.sources), node_id
        assert self.status == "running" or node_id in self.released, f"{node_id} starts, paused"
        assert (node.again_at or 0) <= at, f"{node_id} is tried again too early"
        node.starts += 1
        assert node.starts <= node.tries + self.losses, f"{node_id} starts {node.starts} times"

    def _answer(self, at: int, wait: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        match answer["kind"]:
            case "signal":
                assert self.signals.pop(answer["signalId"]) == wait["name"], "another signal"
            case "child":
                assert answer["executionId"] in {wait["executionId"]} - self.open_children
            case _:
                assert wait["due"] is not None and wait["due"] <= at, "it is not time yet"

    def agrees(self, stored: Stored) -> None:
        """The row as it is now, after all that was delivered and journalled."""
        row, dispatch, status = stored.row, stored.dispatch, self.status
        assert all(self._was_sent(each) for each in self.inbox), self.inbox
        assert row.status is status, f"the row is {row.status}: {status}"
        assert dispatch.inbox_cursor >= self.applied, "an applied command is unread"
        self.cursor = dispatch.inbox_cursor
        assert (dispatch.disposition is Disposition.DONE) is status.is_terminal, dispatch
        read = [LEADS_TO[each.kind] for each in self.inbox[: self.cursor] if each.kind in LEADS_TO]
        obeyed = status.is_terminal or self.paused_itself or not read or read[-1] == status
        assert obeyed, f"{read[-1:]} and it is {status}"
        if dispatch.disposition is Disposition.PARKED and status is Status.RUNNING:
            self._can_wake(dispatch.wake_at)

    def _was_sent(self, command: Command) -> bool:
        """Whether a caller, a child or the parent has sent it."""
        up, is_first = self.parent, command is self.inbox[0]
        if command.kind is CommandKind.CHILD:
            return self.children[command.data["executionId"]].status == str(command.data["status"])
        if command.id in self.promised or up is None:
            return command.id in self.promised or (self.is_fork and is_first)
        ended = up.status.is_terminal and command.kind is CommandKind.STOP
        known = up.knows(command.id) or up.knows(command.id.removeprefix(DOWN))
        return ended or known or (is_first and command.kind is CommandKind.START)

    def _can_wake(self, wake_at: int | None) -> None:
        """I7: whoever is parked is woken by something."""
        unread = {each.id.removeprefix(UP): each.kind for each in self.inbox[self.cursor :]}
        waits = [node.wait for node in self.nodes.values() if node.state == "waiting"]
        hears = [each for each in waits if each["kind"] != "sleep"]
        heard = any(each.get("executionId", "") not in unread for each in hears)
        assert wake_at or heard or self.open_children - unread.keys(), "nothing can wake it"
        assert not {"signal", *LEADS_TO} & set(unread.values()), f"it sleeps over {unread}"
