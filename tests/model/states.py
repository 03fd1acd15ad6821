"""The states of the kernel model: one execution, two workers, one queue."""

from __future__ import annotations

from typing import NamedTuple

#: A worker's slot and its life: every process start is another worker.
WorkerId = tuple[int, int]

TERMINAL = ("completed", "cancelled")


class Task(NamedTuple):
    """A segment on its worker. `step` is what it does next."""

    step: str
    number: int
    #: the journal as this task knows it, and how much of the inbox it has read
    known: tuple[str, ...] = ()
    seen: int = 0
    cursor: int = 0
    node: str = ""


class Worker(NamedTuple):
    #: live, stalled (it runs, and its beat does not come), or killed
    health: str
    life: int
    task: Task | None


class State(NamedTuple):
    disposition: str
    number: int
    holder: WorkerId | None
    #: (event, the number it was appended under)
    journal: tuple[tuple[str, int], ...]
    inbox: tuple[str, ...]
    cursor: int
    #: the queue's rows: segment number -> "queued", "ended", or the worker it was brought to
    queue: tuple[tuple[int, str | WorkerId], ...]
    workers: tuple[Worker, ...]
    #: the rows of workers that are alive
    alive: frozenset[WorkerId]
    #: senders between their look and their write: (command, what they saw)
    senders: tuple[tuple[str, str], ...]
    commands: tuple[str, ...]
    faults: int
    #: how often the bodies of A and B began
    began: tuple[int, int]
    broken: str

    @property
    def events(self) -> tuple[str, ...]:
        return tuple(event for event, _ in self.journal)

    def with_worker(self, slot: int, worker: Worker) -> State:
        return self._replace(workers=(*self.workers[:slot], worker, *self.workers[slot + 1 :]))

    def with_task(self, slot: int, task: Task | None) -> State:
        return self.with_worker(slot, self.workers[slot]._replace(task=task))

    def in_queue(self, number: int) -> str | WorkerId | None:
        return dict(self.queue).get(number)

    def put_in_queue(self, number: int, where: str | WorkerId) -> State:
        queue = {**dict(self.queue), number: where}
        return self._replace(queue=tuple(sorted(queue.items(), key=lambda row: row[0])))

    def appended(self, *events: str, number: int | None = None) -> State:
        under = self.number if number is None else number
        return self._replace(journal=self.journal + tuple((event, under) for event in events))


def first_state(commands: tuple[str, ...], faults: int) -> State:
    """After `create`: parked, event 0, nobody has heard of it."""
    return State(
        disposition="P",
        number=0,
        holder=None,
        journal=(("created", 0),),
        inbox=(),
        cursor=0,
        queue=(),
        workers=(Worker("live", 0, None),) * 2,
        alive=frozenset({(0, 0), (1, 0)}),
        senders=(),
        commands=commands,
        faults=faults,
        began=(0, 0),
        broken="",
    )


def settled(state: State) -> bool:
    """Nobody has to act: it ended, or it was never started."""
    return not state.senders and (state.disposition == "D" or state.number == 0)


def violation(state: State) -> str:
    """The promise that is broken in this state, if any."""
    events = state.events
    numbers = [number for _, number in state.journal]
    if sum(event in TERMINAL for event in events) > 1:
        return "I2: two terminal events"
    if any(event in TERMINAL for event in events[:-1]):
        return "I2: an event after the terminal one"
    if numbers != sorted(numbers):
        return "I1: an append under a number that was over"
    for node in "AB":
        if events.count(f"{node} completed") > 1:
            return f"I3: {node} completed twice"
        settled_at = events.index(f"{node} completed") if f"{node} completed" in events else None
        if settled_at is not None and f"{node} started" in events[settled_at:]:
            return f"I3: {node} started again"
    if events.count("started") > 1:
        return "I3: the start was applied twice"
    if "stop" in state.inbox and "completed" in events:
        return "a stop was accepted, and the flow completed"
    return state.broken
