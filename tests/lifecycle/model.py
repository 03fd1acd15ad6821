"""What an execution may do, as plain data. Every backend is held against this.

It is told what callers were promised, what its inbox got and what its journal says; what may not
be raises Illegal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chaingraph.engine.events import Event, EventType
from chaingraph.execution.family import DOWN
from chaingraph.execution.records import Command, CommandKind, Disposition, Status, Stored
from chaingraph.execution.worker import POISON

#: The status that a command needs, and the one that it leads to.
NEEDS = {
    CommandKind.START: Status.CREATED,
    CommandKind.PAUSE: Status.RUNNING,
    CommandKind.RESUME: Status.PAUSED,
    CommandKind.STEP: Status.PAUSED,
}
LEADS_TO = {
    CommandKind.START: Status.RUNNING,
    CommandKind.PAUSE: Status.PAUSED,
    CommandKind.RESUME: Status.RUNNING,
    CommandKind.STOP: Status.STOPPED,
}
#: The statuses that an event of the flow needs, and the one that it means.
TURNS = {
    EventType.FLOW_STARTED: (("created",), "running"),
    EventType.FLOW_PAUSED: (("running",), "paused"),
    EventType.FLOW_RESUMED: (("paused",), "running"),
    EventType.FLOW_COMPLETED: (("running",), "completed"),
    EventType.FLOW_FAILED: (("created", "running", "paused"), "failed"),
    EventType.FLOW_CANCELLED: (("created", "running", "paused"), "stopped"),
}
#: The states that an event of a node needs, and the one that it means.
MOVES = {
    EventType.NODE_STARTED: (("idle", "running", "again"), "running"),
    EventType.NODE_WAITING: (("running",), "waiting"),
    EventType.NODE_ANSWERED: (("waiting",), "answered"),
    EventType.NODE_RETRY_SCHEDULED: (("running",), "again"),
    EventType.NODE_COMPLETED: (("running", "answered"), "ended"),
    EventType.NODE_FAILED: (("running", "waiting", "answered", "again"), "ended"),
    EventType.NODE_SKIPPED: (("idle", "running"), "ended"),
}
#: The command that an event applies, and where the event names it.
APPLIES = {
    EventType.FLOW_PAUSED: (CommandKind.PAUSE, "commandId"),
    EventType.FLOW_RESUMED: (CommandKind.RESUME, "commandId"),
    EventType.STEPPED: (CommandKind.STEP, "commandId"),
    EventType.BREAKPOINTS_SET: (CommandKind.BREAKPOINTS, "commandId"),
    EventType.SIGNAL_RECEIVED: (CommandKind.SIGNAL, "signalId"),
    EventType.CHILD_COMPLETED: (CommandKind.CHILD, "executionId"),
    EventType.CHILD_FAILED: (CommandKind.CHILD, "executionId"),
}


class Illegal(AssertionError):
    """The system did what the model does not allow."""


def must(condition: object, what: str) -> None:
    if not condition:
        raise Illegal(what)


@dataclass
class NodeModel:
    sources: frozenset[str]
    state: str = "idle"
    starts: int = 0
    tries: int = 1
    wait: Mapping[str, Any] = field(default_factory=dict)
    #: when it may be tried again; None: when somebody has looked at it
    again_at: int | None = None


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
    is_parked: bool = True
    promised: set[str] = field(default_factory=set)
    inbox: list[Command] = field(default_factory=list)
    #: so many deliveries were read, have been applied by events, have been looked at here
    cursor: int = 0
    applied: int = 0
    explained: int = 0
    paused_itself: bool = False
    released: set[str] = field(default_factory=set)
    signals: dict[str, str] = field(default_factory=dict)
    children: dict[str, Model] = field(default_factory=dict)
    open_children: set[str] = field(default_factory=set)

    def knows(self, command_id: str) -> bool:
        return any(each.id == command_id for each in self.inbox)

    def accepts(self, kind: CommandKind) -> bool:
        """Whether a new command is accepted: by the status that the accepted ones lead to."""
        status = self.status
        if kind is not CommandKind.STOP:  # which may be repeated
            for command in self.inbox[self.cursor :]:
                if not status.is_terminal:
                    status = LEADS_TO.get(command.kind, status)
        return not status.is_terminal and NEEDS.get(kind, status) is status

    def fits(self, name: str, value: object) -> bool:
        """Whether the door lets a signal in: a parked execution says what it waits for."""
        asked = [each.wait for each in self._in("waiting") if each.wait.get("name") == name]
        return not (self.is_parked and asked) or isinstance(value, int) or not asked[0]["schema"]

    def delivered(self, command: Command) -> None:
        must(not self.knows(command.id), f"{command.id} is delivered twice")
        self.inbox.append(command)

    def saw(self, event: Event) -> None:
        """One more event of the journal."""
        type_, data = event.type, event.data
        must(not self.status.is_terminal, f"{type_} after the end")
        if type_ in MOVES:
            self._move(event, data["nodeId"], self.nodes[data["nodeId"]])
        elif type_ in APPLIES and data.get("by") not in ("breakpoint", "retry"):
            kind, key = APPLIES[type_]
            self._apply(kind, data[key])
        if type_ in TURNS:
            self._turn(event, *TURNS[type_])
        match type_:
            case EventType.STEPPED:
                self._looked_at(data["nodeId"], event.at)
                self.released.add(data["nodeId"])
            case EventType.SIGNAL_RECEIVED:
                self.signals[data["signalId"]] = data["name"]
            case EventType.CHILD_SPAWNED:
                self.open_children.add(data["executionId"])
            case EventType.CHILD_COMPLETED | EventType.CHILD_FAILED:
                self.open_children.remove(data["executionId"])

    def _apply(self, kind: CommandKind, command_id: str) -> None:
        """Commands are applied in their order, each once, and only what was delivered."""
        must(NEEDS.get(kind, self.status) is self.status, f"{kind} while it is {self.status}")
        later = enumerate(self.inbox[self.applied :], self.applied + 1)
        found = [at for at, each in later if (each.id, each.kind) == (command_id, kind)]
        must(found, f"{kind} {command_id} was not delivered, or is applied twice")
        self.applied = found[0]

    def _turn(self, event: Event, needs: tuple[str, ...], status: str) -> None:
        must(self.status in needs, f"{event.type} while it is {self.status}")
        kinds = {each.kind for each in self.inbox}
        match event.type:
            case EventType.FLOW_STARTED:
                must(CommandKind.START in kinds, "nobody has started it")
            case EventType.FLOW_PAUSED:
                self.paused_itself = "commandId" not in event.data
            case EventType.FLOW_RESUMED:
                self.released.clear()
                for node_id in self.nodes:
                    self._looked_at(node_id, event.at)
            case EventType.FLOW_COMPLETED:
                left = self._in("running", "waiting", "answered", "again")
                must(not left and not self.open_children, f"it completes before {left}")
            case EventType.FLOW_CANCELLED:
                must(CommandKind.STOP in kinds, "nobody has stopped it")
            case _:
                lost = any(each.status in ("failed", "stopped") for each in self.children.values())
                why = (self.fails_with_child and lost) or self.losses >= POISON
                must(why, f"it fails: {event.data['error']}")
        self.status = Status(status)

    def _move(self, event: Event, node_id: str, node: NodeModel) -> None:
        needs, state = MOVES[event.type]
        is_copied = self.is_fork and self.status is Status.CREATED
        must(is_copied or node.state in needs, f"{event.type} of {node_id}, which is {node.state}")
        if event.type is EventType.NODE_STARTED and not is_copied:
            self._start(event.at, node_id, node)
        elif event.type is EventType.NODE_WAITING:
            node.wait = event.data["wait"]
        elif event.type is EventType.NODE_ANSWERED and not is_copied:
            self._answer(event.at, node.wait, event.data["answer"])
        elif event.type is EventType.NODE_RETRY_SCHEDULED:
            node.tries, node.again_at = node.tries + 1, event.data["at"]
        node.state = state

    def _start(self, at: int, node_id: str, node: NodeModel) -> None:
        unfed = [each for each in node.sources if self.nodes[each].state != "ended"]
        must(not unfed, f"{node_id} starts before {unfed}")
        free = self.status is Status.RUNNING or node_id in self.released
        must(free, f"{node_id} starts while it is {self.status}")
        due = node.state != "again" or (node.again_at is not None and node.again_at <= at)
        must(due, f"{node_id} is tried again too early")
        node.starts += 1
        must(node.starts <= node.tries + self.losses, f"{node_id} starts {node.starts} times")

    def _answer(self, at: int, wait: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        match answer["kind"]:
            case "signal":
                must(self.signals.pop(answer["signalId"], "") == wait["name"], "no such signal")
            case "child":
                must(answer["executionId"] == wait["executionId"], "another child has ended")
                must(answer["executionId"] not in self.open_children, "the child has not ended")
            case _:
                must(wait["due"] is not None and wait["due"] <= at, "it is not time yet")

    def _looked_at(self, node_id: str, at: int) -> None:
        if self.nodes[node_id].again_at is None:
            self.nodes[node_id].again_at = at

    def _in(self, *states: str) -> list[NodeModel]:
        return [node for node in self.nodes.values() if node.state in states]

    def agrees(self, stored: Stored) -> None:
        """The row as it is now, after all that was delivered and journalled."""
        dispatch = stored.dispatch
        for at, command in enumerate(self.inbox[self.explained :], self.explained):
            must(self._was_sent(command, at), f"nobody sent {command}")
        must(stored.row.status is self.status, f"the row is {stored.row.status}: {self.status}")
        must(dispatch.inbox_cursor >= self.applied, "an applied command is unread")
        self.cursor, self.explained = dispatch.inbox_cursor, len(self.inbox)
        self.is_parked = dispatch.disposition is Disposition.PARKED
        is_done = dispatch.disposition is Disposition.DONE
        must(is_done is self.status.is_terminal, f"{dispatch.disposition} and {self.status}")
        read = [NEEDS.get(each.kind) and LEADS_TO.get(each.kind) for each in self.inbox]
        moves = [status for status in read[: self.cursor] if status is not None]
        obeyed = self.status.is_terminal or self.paused_itself or not moves
        must(obeyed or moves[-1] is self.status, f"{moves[-1:]} and it is {self.status}")
        if self.is_parked and self.status is Status.RUNNING:
            self._can_wake(dispatch.wake_at)

    def _was_sent(self, command: Command, at: int) -> bool:
        """Whether a caller, a child or the parent has sent it."""
        parent = self.parent
        if command.kind is CommandKind.CHILD:
            return command.data["status"] == self.children[command.id].status
        if command.id in self.promised or parent is None:
            return command.id in self.promised or (self.is_fork and at == 0)
        ends = command.kind is CommandKind.STOP and parent.status.is_terminal
        passed_on = parent.knows(command.id) or parent.knows(command.id.removeprefix(DOWN))
        return ends or passed_on or (command.kind is CommandKind.START and at == 0)

    def _can_wake(self, wake_at: int | None) -> None:
        """I7: whoever is parked is woken by something."""
        unread = self.inbox[self.cursor :]
        told = {each.id for each in unread if each.kind is CommandKind.CHILD}
        waits = [each.wait for each in self._in("waiting")]
        heard = any(w["kind"] == "signal" or w.get("executionId", "") not in told for w in waits)
        must(wake_at or heard or self.open_children - told, "nothing can wake it")
        asleep = {each.kind for each in unread} & {CommandKind.SIGNAL, *LEADS_TO}
        must(not asleep, f"it sleeps over {asleep}")
