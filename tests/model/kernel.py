"""The kernel as a model: every transaction is one action, everything else interleaves.

The flow is A (effect), B (effect), end. The actions have the names they have in `execution.ports`.
Commands and faults come from outside and are limited; everything else is the system's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.model.states import State, Task, Worker, WorkerId

RULES = {
    "terminal_checks_inbox": "the end is refused while deliveries are unread",
    "deliver_atomic": "a delivery judges, writes and wakes under the row lock",
    "claim_by_number": "a segment claims only what is queued under its own number",
    "take_over_new_number": "a takeover raises the number and queues the new id",
    "start_fenced": "an effect begins after its own start is committed under this number",
    "stop_with_its_event": "the cursor passes a stop in the append of the terminal event",
    "position_cas": "an append carries its position; one that is there already succeeds",
    "self_audit": "a worker queues anew what it holds and does not run",
    "new_worker_id": "every life of a worker has a new id",
    "scan_queued": "what the queue will not bring is queued under the next number",
}


class Move(NamedTuple):
    name: str
    #: the system does it by itself, sooner or later
    own: bool
    to: State


class Kernel:
    """What may happen next. `off` are rules that are not kept."""

    def __init__(self, off: frozenset[str] = frozenset()) -> None:
        self._off = off

    def moves(self, state: State) -> Iterator[Move]:
        yield from self._commands(state)
        yield from self._fleet(state)
        for slot, worker in enumerate(state.workers):
            yield from self._lives(state, slot, worker)
            if worker.health != "killed":
                yield from self._works(state, slot, worker)

    def keeps(self, rule: str) -> bool:
        return rule not in self._off

    def _commands(self, state: State) -> Iterator[Move]:
        if state.commands:
            command, rest = state.commands[0], state._replace(commands=state.commands[1:])
            yield Move(f"no {command}", False, rest)
            if self.keeps("deliver_atomic"):
                yield Move(
                    f"deliver {command}", False, _delivered(rest, command, state.disposition)
                )
            else:
                look = (command, state.disposition)
                to = rest._replace(senders=(*rest.senders, look))
                yield Move(f"{command}: look", False, to)
        for n, (command, saw) in enumerate(state.senders):
            left = state._replace(senders=state.senders[:n] + state.senders[n + 1 :])
            yield Move(f"{command}: write", True, _delivered(left, command, saw))

    def _fleet(self, state: State) -> Iterator[Move]:
        for worker_id in sorted(state.alive):
            worker = state.workers[worker_id[0]]
            if worker.health != "live" or worker.life != worker_id[1]:
                to = state._replace(alive=state.alive - {worker_id})
                yield Move(f"declare-dead {worker_id}", True, to)
        if state.disposition == "L" and state.holder not in state.alive:
            yield Move("take-over", True, self._taken(state))
        if state.disposition == "Q" and self.keeps("scan_queued") and _is_lost(state):
            yield Move("scan", True, woken(state))
        if state.faults:
            for number, where in state.queue:
                if where == "ended" or not _comes(where, state):
                    to = _fault(state).put_in_queue(number, "queued")
                    yield Move(f"the queue brings {number} again", False, to)

    def _taken(self, state: State) -> State:
        if self.keeps("take_over_new_number"):
            return woken(state)
        return state._replace(disposition="Q", holder=None)

    def _lives(self, state: State, slot: int, worker: Worker) -> Iterator[Move]:
        me = (slot, worker.life)
        if worker.health == "killed" or (worker.health == "stalled" and me not in state.alive):
            life = worker.life + self.keeps("new_worker_id")
            reborn = state.with_worker(slot, Worker("live", life, None))
            to = reborn._replace(alive=reborn.alive | {(slot, life)})
            yield Move(f"w{slot} begins anew", True, to)
        if worker.health == "stalled" and me in state.alive:
            to = state.with_worker(slot, worker._replace(health="live"))
            yield Move(f"w{slot} beats again", True, to)
        if state.faults and worker.health != "killed":
            to = _fault(state).with_worker(slot, Worker("killed", worker.life, None))
            yield Move(f"w{slot} is killed", False, to)
        if state.faults and worker.health == "live":
            to = _fault(state).with_worker(slot, worker._replace(health="stalled"))
            yield Move(f"w{slot} stalls", False, to)

    def _works(self, state: State, slot: int, worker: Worker) -> Iterator[Move]:
        me, task = (slot, worker.life), worker.task
        if task is None:
            if worker.health == "live":
                yield from self._idle(state, slot, me)
            return
        if state.faults:
            yield Move(f"w{slot}: task dies", False, dropped(_fault(state), slot, task))
        if task.step == "claim":
            yield from self._claims(state, slot, me, task)
        elif task.step == "load":
            loaded = task._replace(
                step="plan", known=state.events, seen=len(state.inbox), cursor=state.cursor
            )
            yield Move(f"w{slot}: load", True, state.with_task(slot, loaded))
        elif task.step == "begin":
            yield Move(f"w{slot}: body {task.node} begins", True, _begun(state, slot, task))
        else:
            yield from Segment(self, state, slot, me, task).moves()

    def _idle(self, state: State, slot: int, me: WorkerId) -> Iterator[Move]:
        for number, where in state.queue:
            if where == "queued":
                brought = state.put_in_queue(number, me)
                to = brought.with_task(slot, Task("claim", number))
                yield Move(f"w{slot}: bring {number}", True, to)
        if self.keeps("self_audit") and (state.disposition, state.holder) == ("L", me):
            yield Move(f"w{slot}: audit", True, woken(state))

    def _claims(self, state: State, slot: int, me: WorkerId, task: Task) -> Iterator[Move]:
        if not self._may_claim(state, me, task):
            yield Move(f"w{slot}: claim {task.number} refused", True, dropped(state, slot, task))
            return
        held = state._replace(disposition="L", holder=me)
        loading = task._replace(step="load", number=state.number)
        yield Move(f"w{slot}: claim {task.number}", True, held.with_task(slot, loading))
        if state.faults:
            lost = dropped(_fault(held), slot, task)
            yield Move(f"w{slot}: claim {task.number}, answer lost", False, lost)

    def _may_claim(self, state: State, me: WorkerId, task: Task) -> bool:
        if me not in state.alive:
            return False
        if self.keeps("claim_by_number"):
            return (state.disposition, state.number) == ("Q", task.number)
        return state.disposition == "Q" or (
            state.disposition == "L" and state.holder not in state.alive
        )


class Segment:
    """The moves of a task that has loaded: it plans, runs a body, and appends."""

    def __init__(self, kernel: Kernel, state: State, slot: int, me: WorkerId, task: Task) -> None:
        self._kernel = kernel
        self._state = state
        self._slot = slot
        self._me = me
        self._task = task

    def moves(self) -> Iterator[Move]:
        state, task = self._state, self._task
        if task.seen < len(state.inbox):
            reading = task._replace(seen=len(state.inbox))
            yield Move(f"w{self._slot}: inbox", True, state.with_task(self._slot, reading))
        stopping = "stop" in state.inbox[task.cursor : task.seen]
        if task.step == "body":
            yield from self._append(f"{task.node} completed", "plan")
            if stopping:
                yield from self._append(f"{task.node} failed", "plan")
        elif "started" not in task.known:
            yield from self._append("started", "plan")
        elif stopping:
            yield from self._end("cancelled")
        else:
            yield from self._go_on()

    def _go_on(self) -> Iterator[Move]:
        done = self._task.known
        node = next((n for n in "AB" if f"{n} completed" not in done), None)
        if node is None:
            yield from self._end("completed")
        elif self._kernel.keeps("start_fenced"):
            yield from self._append(f"{node} started", "begin", node)
        else:
            begins = self._task._replace(step="begin", node=node)
            yield Move(
                f"w{self._slot}: plan {node}", True, self._state.with_task(self._slot, begins)
            )

    def _append(self, event: str, step: str, node: str = "") -> Iterator[Move]:
        state, task, name = self._state, self._task, f"w{self._slot}: append {event}"
        after = task._replace(step=step, known=(*task.known, event), node=node)
        cursor = self._cursor(event)
        if self._is_there(event):
            yield Move(f"{name}, it is there", True, state.with_task(self._slot, after))
        elif not self._holds():
            yield Move(f"{name}, fenced", True, dropped(state, self._slot, task))
        else:
            appended = state.appended(event, number=task.number)._replace(cursor=cursor)
            after = after._replace(cursor=max(task.cursor, cursor if event == "started" else 0))
            yield Move(name, True, appended.with_task(self._slot, after))
            if state.faults:
                yield Move(f"{name}, answer lost", False, _fault(appended))

    def _cursor(self, event: str) -> int:
        """How far the inbox is applied when this event is in the journal."""
        if not self._kernel.keeps("stop_with_its_event"):
            return self._task.seen
        return 1 if event == "started" else self._state.cursor

    def _end(self, event: str) -> Iterator[Move]:
        state, task, name = self._state, self._task, f"w{self._slot}: end {event}"
        if self._is_there(event):
            yield Move(f"{name}, it is there", True, dropped(state, self._slot, task))
        elif not self._holds():
            yield Move(f"{name}, fenced", True, dropped(state, self._slot, task))
        elif len(state.inbox) == task.seen or not self._kernel.keeps("terminal_checks_inbox"):
            ended = state.appended(event)._replace(
                disposition="D", holder=None, number=state.number + 1, cursor=task.seen
            )
            yield Move(name, True, dropped(ended, self._slot, task))
            if state.faults:
                yield Move(f"{name}, answer lost", False, _fault(ended))

    def _holds(self) -> bool:
        state, task = self._state, self._task
        lease = (state.disposition, state.number, state.holder)
        position = len(state.journal) == len(task.known) or not self._kernel.keeps("position_cas")
        return lease == ("L", task.number, self._me) and position

    def _is_there(self, event: str) -> bool:
        """The batch was committed, and its answer was lost."""
        there = self._state.journal[len(self._task.known) :]
        return self._kernel.keeps("position_cas") and there == ((event, self._task.number),)


def woken(state: State) -> State:
    """The next number is queued, in the same transaction."""
    number = state.number + 1
    queued = state._replace(disposition="Q", number=number, holder=None)
    return queued if queued.in_queue(number) else queued.put_in_queue(number, "queued")


def dropped(state: State, slot: int, task: Task) -> State:
    """The task is over; for the queue its segment has ended."""
    return state.with_task(slot, None).put_in_queue(task.number, "ended")


def _delivered(state: State, command: str, saw: str) -> State:
    """What a delivery does by the disposition that its sender saw."""
    refused = saw == "D" or (command == "start" and (saw != "P" or "start" in state.inbox))
    if refused:
        return state
    kept = state._replace(inbox=(*state.inbox, command))
    if command == "start":
        return woken(kept)
    if saw == "L":
        return kept
    number, cursor = kept.number + 1, len(kept.inbox)
    ended = kept._replace(disposition="D", holder=None, number=number, cursor=cursor)
    return ended.appended("cancelled")


def _begun(state: State, slot: int, task: Task) -> State:
    began = list(state.began)
    began["AB".index(task.node)] += 1
    starts = state.events.count(f"{task.node} started")
    broken = state.broken
    if began["AB".index(task.node)] > starts:
        broken = broken or f"I3: the body of {task.node} began without a committed start"
    running = state.with_task(slot, task._replace(step="body"))
    return running._replace(began=(began[0], began[1]), broken=broken)


def _is_lost(state: State) -> bool:
    where = state.in_queue(state.number)
    return where is None or where == "ended" or not _comes(where, state)


def _comes(where: str | WorkerId, state: State) -> bool:
    return where == "queued" or where in state.alive


def _fault(state: State) -> State:
    return state._replace(faults=state.faults - 1)
