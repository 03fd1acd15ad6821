"""The flow as a graph: who waits for whom, where that closes a circle, what is never reached."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from chaingraph.flow.model import Flow

#: so many cycles are named; whoever has more will ask again
_MAX_CYCLES = 20


def dependencies(flow: Flow) -> dict[str, list[str]]:
    """For each node, in flow order, the nodes it waits for: sources of its edges, and children."""
    waits: dict[str, list[str]] = {each: [] for each in flow.nodes}
    for edge in flow.edges:
        if edge.source in waits and edge.target in waits:
            waits[edge.target].append(edge.source)
    for node in flow.nodes.values():
        if node.parent_id in waits:
            waits[node.parent_id].append(node.id)
    return waits


def cycles(flow: Flow) -> list[list[str]]:
    """Circles of nodes that wait for each other, in the direction values flow, disjoint."""
    waits = dependencies(flow)
    found: list[list[str]] = []
    while len(found) < _MAX_CYCLES:
        try:
            TopologicalSorter(waits).prepare()
        except CycleError as error:
            circle: list[str] = error.args[1][:-1]
            found.append(_from_first(circle, flow))
            for each in circle:
                del waits[each]
            gone = set(circle)
            waits = {key: [at for at in each if at not in gone] for key, each in waits.items()}
        else:
            break
    return found


def _from_first(circle: list[str], flow: Flow) -> list[str]:
    members = set(circle)
    start = circle.index(next(each for each in flow.nodes if each in members))
    return circle[start:] + circle[:start]


def unreachable(flow: Flow) -> list[str]:
    """Nodes that can never run, whatever happens, because a connected input never resolves.

    A port waits for any of its sources, a node for all of its connected ports and its children.
    """
    waiting: dict[str, set[str]] = {each: set() for each in flow.nodes}
    feeds: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for edge in flow.edges:
        if edge.target not in waiting:
            continue
        waiting[edge.target].add(edge.target_port)
        source = flow.nodes.get(edge.source)
        port = source.port(edge.source_port) if source is not None else None
        if port is not None and port.direction.gives_values:
            feeds[edge.source].append((edge.target, edge.target_port))
    for node in flow.nodes.values():
        if node.parent_id in waiting:
            waiting[node.parent_id].add(f"child {node.id}")
            feeds[node.id].append((node.parent_id, f"child {node.id}"))
    _reach(waiting, feeds)
    return [each for each, open_ends in waiting.items() if open_ends]


def _reach(waiting: Mapping[str, set[str]], feeds: Mapping[str, list[tuple[str, str]]]) -> None:
    """Let every node run that can: each takes what it feeds off the others' waiting lists."""
    ready = deque(each for each, open_ends in waiting.items() if not open_ends)
    while ready:
        for target, open_end in feeds.get(ready.popleft(), ()):
            if open_end in waiting[target]:
                waiting[target].discard(open_end)
                if not waiting[target]:
                    ready.append(target)
