"""What an execution may do, as plain data. Every backend is held against this.

It is told what was asked, what its inbox got and what its journal says, in that order; whatever
may not be raises Illegal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaingraph.engine.events import Event, EventType
from chaingraph.execution.family import DOWN
from chaingraph.execution.records import Command, CommandKind, Disposition, Status, Stored
from chaingraph.execution.worker import POISON

#: The status that a command leads to, and the one that it needs.
LEADS_TO = {
    CommandKind.START: Status.RUNNING,
    CommandKind.PAUSE: Status.PAUSED,
    CommandKind.RESUME: Status.RUNNING,
    CommandKind.STOP: Status.STOPPED,
}
NEEDS = {
    CommandKind.START: Status.CREATED,
    CommandKind.PAUSE: Status.RUNNING,
    CommandKind.RESUME: Status.PAUSED,
    CommandKind.STEP: Status.PAUSED,
}
ENDS = {
    EventType.FLOW_COMPLETED: Status.COMPLETED,
    EventType.FLOW_FAILED: Status.FAILED,
    EventType.FLOW_CANCELLED: Status.STOPPED,
}
#: What pauses an execution without a command.
ITSELF = ("breakpoint", "retry")


class Illegal(AssertionError):
    """The system did what the model does not allow."""


def must(condition: object, what: str) -> None:
    if not condition:
        raise Illegal(what)


@dataclass
class NodeModel:
    sources: frozenset[str]
    state: str = "idle"  # running, waiting, answered, again, ended
    starts: int = 0
    tries: int = 1
    wait: Mapping[str, Any] = field(default_factory=dict)
    #: when it is tried again; None: when somebody has looked at it
    again_at: int | None = 0


@dataclass
class Model:
    """One execution. `parent` is the model of its parent."""

    id: str
    nodes: dict[str, NodeModel]
    parent: Model | None = None
    is_fork: bool = False
    fails_with_child: bool = False
    status: Status = Status.CREATED
    inbox: list[Command] = field(default_factory=list)
    cursor: int = 0
    applied: int = 0
    told: int = 0
    #: ids of commands that callers were promised
    promised: set[str] = field(default_factory=set)
    #: how often bodies were cut short by the death of a worker or a pause
    losses: int = 0
    pausing: Mapping[str, Any] = field(default_factory=dict)
    released: set[str] = field(default_factory=set)
    signals: dict[str, str] = field(default_factory=dict)
    children: dict[str, Model] = field(default_factory=dict)
    open_children: set[str] = field(default_factory=set)
    is_parked: bool = True

    def knows(self, command_id: str) -> bool:
        return any(each.id == command_id for each in self.inbox)

    def _got(self, kind: CommandKind) -> bool:
        return any(each.kind is kind for each in self.inbox)

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
        waits = [n.wait for n in self.nodes.values() if n.state == "waiting"]
        asked = [wait for wait in waits if wait.get("name") == name]
        return not (self.is_parked and asked) or isinstance(value, int) or not asked[0]["schema"]

    def delivered(self, command: Command) -> None:
        must(not self.knows(command.id), f"{command.id} is delivered twice")
        self.inbox.append(command)

    def _was_sent(self, command: Command, at: int) -> bool:
        """Whether somebody had a reason to send this: a caller, a child, the parent."""
        if command.id in self.promised:
            return True
        if command.kind is CommandKind.CHILD:
            return command.data["status"] == self.children[command.id].status
        if command.kind is CommandKind.START:
            return at == 0 and (self.is_fork or self.parent is not None)
        if self.parent is None:
            return False
        ends = command.kind is CommandKind.STOP and self.parent.status.is_terminal
        return ends or self.parent.knows(command.id) or self.parent.knows(command.id[len(DOWN) :])

    def saw(self, event: Event) -> None:
        """One more event of the journal."""
        must(not self.status.is_terminal, f"{event.type} after the end")
        data, node = event.data, self.nodes.get(event.data.get("nodeId", ""))
        if self.is_fork and self.status is Status.CREATED and node is not None:
            node.state = "ended"  # only what has ended is taken over
        elif event.type in ENDS:
            self._end(event.type, data)
        elif node is not None and event.type.startswith("node:"):
            self._node(event, node)
        else:
            self._flow(event.type, data)

    def _flow(self, type_: EventType, data: Mapping[str, Any]) -> None:
        match type_:
            case EventType.FLOW_STARTED:
                must(self.status is Status.CREATED, "it starts twice")
                must(self._got(CommandKind.START), "nobody has started it")
                self.status = Status.RUNNING
            case EventType.FLOW_PAUSED:
                must(self.status is Status.RUNNING, f"a pause while it is {self.status}")
                if data["by"] not in ITSELF:
                    self._apply(CommandKind.PAUSE, data["commandId"])
                self.status, self.pausing = Status.PAUSED, data
            case EventType.FLOW_RESUMED:
                self._apply(CommandKind.RESUME, data["commandId"])
                self._looked_at(*self.nodes)
                self.status, self.pausing = Status.RUNNING, {}
                self.released.clear()
            case EventType.STEPPED:
                self._apply(CommandKind.STEP, data["commandId"])
                self._looked_at(data["nodeId"])
                self.released.add(data["nodeId"])
            case EventType.BREAKPOINTS_SET:
                self._apply(CommandKind.BREAKPOINTS, data["commandId"])
            case EventType.SIGNAL_RECEIVED:
                self._apply(CommandKind.SIGNAL, data["signalId"])
                self.signals[data["signalId"]] = data["name"]
            case EventType.SIGNAL_REJECTED:
                self.signals.pop(data["signalId"])
            case EventType.CHILD_SPAWNED:
                self.open_children.add(data["executionId"])
            case EventType.CHILD_COMPLETED | EventType.CHILD_FAILED:
                self._apply(CommandKind.CHILD, data["executionId"])
                self.open_children.remove(data["executionId"])
            case EventType.FLOW_PARKED:
                idle = self.status is Status.PAUSED or not self._in("running", "answered")
                must(idle, "it parks with a body")

    def _looked_at(self, *nodes: str) -> None:
        for node_id in nodes:
            if self.nodes[node_id].again_at is None:
                self.nodes[node_id].again_at = 0

    def _apply(self, kind: CommandKind, command_id: str) -> None:
        """Commands are applied in their order, each once, and only what was accepted."""
        must(NEEDS.get(kind, self.status) is self.status, f"{kind} while it is {self.status}")
        later = enumerate(self.inbox[self.applied :], self.applied + 1)
        found = [at for at, each in later if (each.id, each.kind) == (command_id, kind)]
        must(found, f"{kind} {command_id} was not accepted, or is applied twice")
        self.applied = found[0]

    def _node(self, event: Event, node: NodeModel) -> None:
        must(node.state != "ended", f"{event.type} of a node that has ended")
        match event.type:
            case EventType.NODE_STARTED:
                self._start(event, node)
            case EventType.NODE_WAITING:
                node.state, node.wait = "waiting", event.data["wait"]
            case EventType.NODE_ANSWERED:
                must(node.state == "waiting", "an answer to what does not wait")
                self._answer(event.at, node.wait, event.data["answer"])
                node.state = "answered"
            case EventType.NODE_RETRY_SCHEDULED:
                node.state, node.again_at = "again", event.data["at"]
            case EventType.NODE_COMPLETED:
                must(node.state in ("running", "answered"), f"it completes, {node.state}")
                node.state = "ended"
            case EventType.NODE_FAILED | EventType.NODE_SKIPPED:
                node.state = "ended"

    def _start(self, event: Event, node: NodeModel) -> None:
        node_id = event.data["nodeId"]
        unfed = [each for each in node.sources if self.nodes[each].state != "ended"]
        must(not unfed, f"{node_id} starts before {unfed}")
        may_run = self.status is Status.RUNNING or node_id in self.released
        must(may_run, f"{node_id} starts while it is {self.status}")
        if node.state == "answered":
            node.tries += 1
        elif node.state == "again":
            must(node.again_at is not None and node.again_at <= event.at, f"{node_id} too early")
            node.tries += 1
        node.starts += 1
        most = node.tries + self.losses
        must(node.starts <= most, f"{node_id} starts {node.starts} times, {most} allowed")
        node.state = "running"

    def _answer(self, at: int, wait: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        match answer["kind"]:
            case "signal":
                must(self.signals.pop(answer["signalId"], "") == wait["name"], "no such signal")
            case "child":
                must(answer["executionId"] not in self.open_children, "the child has not ended")
                must(answer["executionId"] == wait["executionId"], "another child has ended")
            case _:
                must(wait["due"] is not None and wait["due"] <= at, "it is not time yet")

    def _end(self, type_: EventType, data: Mapping[str, Any]) -> None:
        if type_ is EventType.FLOW_CANCELLED:
            must(self._got(CommandKind.STOP), "nobody has stopped it")
        elif type_ is EventType.FLOW_COMPLETED:
            must(self.status is Status.RUNNING, f"it completes while it is {self.status}")
            open_ = self._in("running", "waiting", "answered", "again")
            must(not open_ and not self.open_children, f"it completes with {open_}")
        else:
            child_failed = self.fails_with_child and any(
                each.status in (Status.FAILED, Status.STOPPED) for each in self.children.values()
            )
            must(child_failed or self.losses >= POISON, f"it fails: {data['error']}")
        self.status = ENDS[type_]

    def _in(self, *states: str) -> list[str]:
        return [node_id for node_id, node in self.nodes.items() if node.state in states]

    def agrees(self, stored: Stored) -> None:
        """The row as it is now, when all that was delivered and journalled has been told."""
        dispatch = stored.dispatch
        for at in range(self.told, len(self.inbox)):
            must(self._was_sent(self.inbox[at], at), f"nobody sent {self.inbox[at]}")
        self.told = len(self.inbox)
        must(stored.row.status is self.status, f"the row is {stored.row.status}: {self.status}")
        must(dispatch.inbox_cursor >= self.applied, "an applied command is unread")
        self.cursor = dispatch.inbox_cursor
        self.is_parked = dispatch.disposition is Disposition.PARKED
        self._obeyed(self.inbox[: self.cursor])
        if self.status.is_terminal:
            must(dispatch.disposition is Disposition.DONE, "it has ended and somebody has it")
        elif self.is_parked:
            self._can_wake(dispatch.wake_at)

    def _obeyed(self, read: Sequence[Command]) -> None:
        moves = [c.kind for c in read if c.kind in (CommandKind.PAUSE, CommandKind.RESUME)]
        if moves and not self.status.is_terminal:
            itself = self.status is Status.PAUSED and self.pausing["by"] in ITSELF
            must(itself or LEADS_TO[moves[-1]] is self.status, f"{moves[-1]} was not obeyed")

    def _can_wake(self, wake_at: int | None) -> None:
        """I7: whoever is parked is woken by something."""
        if self.status is Status.RUNNING:
            waits = [self.nodes[each].wait for each in self._in("waiting")]
            heard = any(wait["kind"] in ("signal", "child") for wait in waits)
            must(wake_at or heard or self.open_children, "nothing can wake it")
            unread = {each.kind for each in self.inbox[self.cursor :]}
            must(not unread & {CommandKind.SIGNAL, CommandKind.STOP, CommandKind.PAUSE}, "asleep")
