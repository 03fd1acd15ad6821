"""Breakpoints: nodes before which, and edges over whose values, an execution is held."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaingraph.engine.conditions import Condition
from chaingraph.errors import BadInput

#: So many may be set in one execution.
MOST = 1_000


@dataclass(frozen=True, slots=True)
class Breakpoints:
    """Where to hold, with what must be true of the values there."""

    nodes: Mapping[str, Condition | None] = field(default_factory=dict)
    edges: Mapping[str, Condition | None] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Any) -> Breakpoints:
        """Read a list of node ids and `{"nodeId" | "edgeId", "condition"?}`. Raises BadInput."""
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise BadInput("breakpoints are a list of node ids, or of nodeId or edgeId, condition")
        nodes: dict[str, Condition | None] = {}
        edges: dict[str, Condition | None] = {}
        for each in given:
            read = {"nodeId": each} if isinstance(each, str) else each
            kind = _kind(read)
            (nodes if kind == "nodeId" else edges)[read[kind]] = _condition(read.get("condition"))
        if len(nodes) + len(edges) > MOST:
            raise BadInput(f"There are more than {MOST} breakpoints")
        return cls(nodes, edges)

    def check(self, nodes: Container[str], edges: Container[str]) -> None:
        """Raises BadInput naming what is not there to hold at."""
        wrong = [f"node {each}" for each in self.nodes if each not in nodes]
        wrong += [f"edge {each}" for each in self.edges if each not in edges]
        if wrong:
            raise BadInput(f"There is no {', no '.join(wrong)} to hold at")

    def __bool__(self) -> bool:
        return bool(self.nodes or self.edges)

    def concern(self, node_id: str, edge_ids: Iterable[str]) -> bool:
        """Whether there is one at this node or at one of these edges."""
        return node_id in self.nodes or any(edge_id in self.edges for edge_id in edge_ids)

    def hit(
        self, node_id: str, inputs: Mapping[str, Any], arriving: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """What to tell of the hold before a node, or None.

        `inputs` are its values by port, as the body would get them; `arriving` those among them
        that come over edges, by edge id.
        """
        if node_id in self.nodes:
            told = _told(self.nodes.get(node_id), {**inputs, "values": dict(inputs)})
            if told is not None:
                return {"nodeId": node_id, "values": dict(inputs), **told}
        for edge_id, value in arriving.items():
            if edge_id in self.edges:
                values = {"value": value}
                told = _told(self.edges[edge_id], values)
                if told is not None:
                    return {"nodeId": node_id, "edgeId": edge_id, "values": values, **told}
        return None


NO_BREAKPOINTS = Breakpoints()


def _kind(given: Any) -> str:
    kinds = [k for k in ("nodeId", "edgeId") if isinstance(given, Mapping) and given.get(k)]
    if len(kinds) != 1 or not isinstance(given[kinds[0]], str):
        raise BadInput(f"A breakpoint names one nodeId or one edgeId, this one does not: {given!r}")
    return kinds[0]


def _condition(text: Any) -> Condition | None:
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise BadInput(f"The condition of a breakpoint is a text, not {text!r}")
    return Condition.parse(text)


def _told(condition: Condition | None, names: Mapping[str, Any]) -> dict[str, Any] | None:
    """{} or the problem of a condition that holds; None when it does not hold."""
    if condition is None:
        return {}
    outcome = condition.holds(names)
    if not outcome.holds:
        return None
    return {"problem": outcome.problem} if outcome.problem else {}
