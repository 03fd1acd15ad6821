"""Going on from a journal: the plan is brought to where the folded state is."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from chaingraph.engine.plan import Plan
from chaingraph.engine.state import FlowState


def unfinished(plan: Plan, state: FlowState, greet: Callable[[str], None]) -> list[str]:
    """The nodes that are ready and have not ended; `greet` those that wait for nothing and were
    not announced yet.

    Nodes come after those that feed them, so a stream is begun anew before it is read anew.
    """
    state.all_committed()
    first = plan.first()
    for node_id in first:
        if not state.nodes[node_id].announced:
            greet(node_id)
    found: list[str] = []
    todo = deque(first)
    for container in state.graph.children:  # may give a port on before it is ready itself
        todo += _resolve_again(plan, state, container)
    while todo:
        node_id = todo.popleft()
        outcome = state.nodes[node_id].outcome
        todo += _resolve_again(plan, state, node_id)
        if outcome is None:
            found.append(node_id)
        else:
            todo += plan.finish(node_id, outcome)
    return found


def _resolve_again(plan: Plan, state: FlowState, node_id: str) -> list[str]:
    ports = state.nodes[node_id].resolved
    return [ready for port in sorted(ports) for ready in plan.resolve(node_id, port)]
