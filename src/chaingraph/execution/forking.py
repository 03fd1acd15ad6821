"""What a fork takes over from an execution's journal, and what it runs again. Plain code.

Kept is what has ended and does not depend on what runs again. So a kept node's sources are kept
too, and its events mean in the fork's journal what they meant in the old one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from chaingraph.engine.control import NodeStopped
from chaingraph.engine.events import Event, EventType
from chaingraph.engine.graph import Graph
from chaingraph.errors import BadInput
from chaingraph.execution.records import Entry

_ENDS = frozenset((EventType.NODE_COMPLETED, EventType.NODE_FAILED, EventType.NODE_SKIPPED))
_TRANSFERS = frozenset((EventType.EDGE_TRANSFER_COMPLETED, EventType.EDGE_TRANSFER_FAILED))
_OF_NODES = frozenset(each for each in EventType if each.startswith("node:"))


def plan_fork(events: Sequence[Event], graph: Graph, nodes: Collection[str]) -> frozenset[str]:
    """The nodes that are taken over when `nodes`, and all that depends on them, run again.

    Whatever has not ended runs too. What takes no part because of event binding is never kept
    and never run. Raises BadInput for nodes that are not there.
    """
    _must_know(graph, nodes)
    ended = _ended(events)
    fed = _fed_by_others(events, graph, ended)
    return frozenset(ended - _with_dependents(graph, {*nodes, *fed}))


def failed_nodes(events: Sequence[Event], graph: Graph) -> list[str]:
    """Where a retry begins, in flow order: at what failed, and at what was cut short.

    It makes no difference whether a failure was handled. Raises BadInput when all went well.
    """
    failed = set(_nodes_of(events, EventType.NODE_FAILED))
    last = events[-1]
    if last.is_last:
        failed |= {*_nodes_of(events, EventType.NODE_STARTED)} - _ended(events)
    if not failed and last.type not in (EventType.FLOW_FAILED, EventType.FLOW_CANCELLED):
        raise BadInput("There is nothing to retry: no node has failed")
    return [node_id for node_id in graph.flow.nodes if node_id in failed]


def entries_of(
    entries: Iterable[Entry], events: Iterable[Event], graph: Graph, kept: Collection[str]
) -> tuple[Entry, ...]:
    """The entries that a fork takes over, as they are, numbered from 1 on.

    What steered the old execution is left out, and so are its children: that a kept node has
    emitted an event is told again, but children come to be only with a completion that is new.
    """
    events = list(events)
    consumed = _signals_of(events, kept)
    taken = (
        entry
        for entry, event in zip(entries, events, strict=True)
        if _is_about(event, graph, kept, consumed)
    )
    return tuple(replace(entry, position=at) for at, entry in enumerate(taken, start=1))


def _must_know(graph: Graph, nodes: Collection[str]) -> None:
    known = graph.flow.nodes
    unknown = [each for each in nodes if each not in known]
    if unknown:
        raise BadInput(
            f"Flow {graph.flow.id} has no node {', '.join(unknown)}; it has {', '.join(known)}"
        )


def _nodes_of(events: Iterable[Event], *types: EventType) -> Iterator[str]:
    return (event.data["nodeId"] for event in events if event.type in types)


def _ended(events: Sequence[Event]) -> set[str]:
    return set(_nodes_of(events, *_ENDS)) - set(_stopped(events))


def _stopped(events: Sequence[Event]) -> Iterator[str]:
    """The nodes that failed for no other reason than that the flow was ended."""
    data = events[-1].data
    match events[-1].type:
        case EventType.FLOW_CANCELLED:
            why = data["reason"]
        case EventType.FLOW_FAILED:
            why = data["error"].message
        case _:
            return
    for event in events:
        if event.type is EventType.NODE_FAILED:
            node_id = event.data["nodeId"]
            if event.data["error"].message == str(NodeStopped(node_id, why)):
                yield node_id


def _fed_by_others(events: Iterable[Event], graph: Graph, ended: set[str]) -> Iterator[str]:
    """The nodes that took something from a node that has not ended: a stream, an early value."""
    for event in events:
        if event.type in _TRANSFERS:
            edge = graph.edges[event.data["edgeId"]]
            if edge.source not in ended:
                yield edge.target


def _with_dependents(graph: Graph, nodes: set[str]) -> set[str]:
    found, todo = set(nodes), list(nodes)
    while todo:
        for each in _dependents(graph, todo.pop()):
            if each not in found:
                found.add(each)
                todo.append(each)
    return found


def _dependents(graph: Graph, node_id: str) -> Iterator[str]:
    node = graph.flow.nodes[node_id]
    yield from graph.successors[node_id]
    if node.parent_id is not None and node.parent_id in graph.children:
        yield node.parent_id
    if node.category != "group":
        # Nodes captured by a container run no code; by their end its ports are resolved.
        yield from graph.children.get(node_id, ())


def _signals_of(events: Iterable[Event], kept: Collection[str]) -> set[str]:
    """The signals that kept nodes were waiting for; others that came are not taken over."""
    answers = (
        event.data["answer"]
        for event in events
        if event.type is EventType.NODE_ANSWERED and event.data["nodeId"] in kept
    )
    return {answer["signalId"] for answer in answers if answer["kind"] == "signal"}


def _is_about(event: Event, graph: Graph, kept: Collection[str], consumed: Collection[str]) -> bool:
    if event.type in _TRANSFERS:
        return graph.edges[event.data["edgeId"]].target in kept
    if event.type is EventType.SIGNAL_RECEIVED:
        return event.data["signalId"] in consumed
    return event.type in _OF_NODES and event.data["nodeId"] in kept
