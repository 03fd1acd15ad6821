"""The nodes that are ready by plan, and which of them may start: what is paused is held."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from chaingraph.engine.breakpoints import Breakpoints
from chaingraph.engine.state import FlowState

#: The values a node would begin with, and those that would come over edges, by edge id.
Ahead = Callable[[str], tuple[dict[str, Any], dict[str, Any]]]


class Ready:
    """Nodes in the order in which they became ready. `hit` is told of a breakpoint."""

    def __init__(
        self,
        state: FlowState,
        breakpoints: Breakpoints,
        ahead: Ahead,
        hit: Callable[[dict[str, Any]], None],
    ) -> None:
        self._nodes: deque[str] = deque()
        self._states = state.nodes
        self._incoming = state.graph.incoming
        self._holds = state.holds
        self._chosen = breakpoints
        self._ahead = ahead
        self._hit = hit
        self.take_breakpoints()

    def extend(self, nodes: Iterable[str]) -> None:
        self._nodes.extend(nodes)

    def put_back(self, node_id: str) -> None:
        """It was taken, and shall not start yet."""
        self._nodes.appendleft(node_id)

    def take_breakpoints(self) -> None:
        """Use those that were set while it ran; without any, those it was created with."""
        live = self._holds.breakpoints
        self._breakpoints = self._chosen if live is None else Breakpoints.of(live)

    def __bool__(self) -> bool:
        """Whether one of them may start."""
        if self._holds.pausing is None:
            return bool(self._nodes)
        return any(not self.is_paused(node_id) for node_id in self._nodes)

    def is_paused(self, node_id: str) -> bool:
        return self._holds.pausing is not None and node_id not in self._holds.released

    @property
    def held(self) -> list[str]:
        """Those that only a pause keeps from starting."""
        return [node_id for node_id in self._nodes if self.is_paused(node_id)]

    def take(self) -> str | None:
        """The next one that may start; None when there is none, or a breakpoint holds it."""
        if not self._nodes:
            return None
        if self._holds.pausing is None:
            node_id = self._nodes.popleft()
        else:
            free = [node_id for node_id in self._nodes if not self.is_paused(node_id)]
            if not free:
                return None
            node_id = free[0]
            self._nodes.remove(node_id)
        return None if self._breakpoints and self._breaks(node_id) else node_id

    def _breaks(self, node_id: str) -> bool:
        """Whether there is a breakpoint before the node that holds it now."""
        if node_id in self._holds.passed or self._states[node_id].attempt:
            return False
        edges = (edge.id for edge in self._incoming[node_id])
        if not self._breakpoints.concern(node_id, edges):
            return False
        told = self._breakpoints.hit(node_id, *self._ahead(node_id))
        if told is None:
            return False
        self.put_back(node_id)
        self._hit(told)
        return True
