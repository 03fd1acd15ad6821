"""All reachable states of a model, and the shortest way into one that must not be."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field

from tests.model.kernel import Kernel
from tests.model.states import State, first_state, settled, violation


@dataclass(frozen=True)
class Explored:
    states: int
    #: the broken promise, and the moves that lead there; empty when nothing is broken
    broken: str = ""
    trace: tuple[str, ...] = ()


@dataclass
class _Search:
    came_from: dict[State, tuple[State, str] | None]
    #: from a state to those from which the system by itself goes there
    own: defaultdict[State, list[State]] = field(default_factory=lambda: defaultdict(list))

    def found(self, state: State, broken: str) -> Explored:
        trace: list[str] = []
        before = self.came_from[state]
        while before is not None:
            trace.append(before[1])
            before = self.came_from[before[0]]
        return Explored(len(self.came_from), broken, tuple(reversed(trace)))

    def stuck(self) -> State | None:
        """The first state from which the system alone never gets to a settled one."""
        reached = {state for state in self.came_from if settled(state)}
        to_do = list(reached)
        while to_do:
            for state in self.own.get(to_do.pop(), ()):
                if state not in reached:
                    reached.add(state)
                    to_do.append(state)
        return next((state for state in self.came_from if state not in reached), None)


def explore(commands: tuple[str, ...], faults: int, off: frozenset[str] = frozenset()) -> Explored:
    """Search breadth first, so that the first violation is a shortest one."""
    kernel, first = Kernel(off), first_state(commands, faults)
    search, to_do = _Search({first: None}), deque([first])
    while to_do:
        state = to_do.popleft()
        if broken := violation(state):
            return search.found(state, broken)
        for name, own, to in kernel.moves(state):
            if own:
                search.own[to].append(state)
            if to not in search.came_from:
                search.came_from[to] = (state, name)
                to_do.append(to)
    stuck = search.stuck()
    if stuck is not None:
        return search.found(stuck, "I7: nobody will wake it")
    return Explored(len(search.came_from))
