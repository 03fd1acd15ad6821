"""What is wrong with a flow, all of it at once, in time linear in its size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chaingraph.errors import PortError
from chaingraph.flow.compatible import misfit
from chaingraph.flow.complete import complete
from chaingraph.flow.graph import cycles, unreachable
from chaingraph.flow.model import SYSTEM_PORTS, Edge, Flow, Node, NodeTypes
from chaingraph.flow.ports import Port, PortType, root_of
from chaingraph.flow.retry import problems as policy_problems
from chaingraph.flow.secrets import has_open_default, holds_secrets
from chaingraph.flow.transfer import normalise


@dataclass(frozen=True, slots=True)
class Report:
    """One sentence for each finding. A flow with errors is not run."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...]


def check(flow: Flow, types: NodeTypes, *, strict: bool) -> Report:
    """Look for mistakes. `strict` is for flows written by hand, where a connection of ports that
    do not fit is an error; in a stored flow it is a warning, because such flows do run.
    """
    whole = complete(flow, types)
    misfits = list(_misfits(whole))
    circles = cycles(whole)
    in_circles = {each for circle in circles for each in circle}
    errors = [
        *_unknown_types(whole, types),
        *_missing_parents(whole),
        *_broken_edges(whole, types),
        *(f"cycle: {' -> '.join([*each, each[0]])}" for each in circles),
        *_wrong_values(whole),
        *_open_secrets(whole),
        *_wrong_policies(whole, types),
        *_missing_inputs(whole),
    ]
    warnings = [
        *_never_running(whole, in_circles),
        *_disagreements(flow),
    ]
    if strict:
        return Report((*errors, *misfits), tuple(warnings))
    return Report(tuple(errors), (*misfits, *warnings))


def _never_running(flow: Flow, known: set[str]) -> Iterator[str]:
    for each in unreachable(flow):
        if each not in known:
            yield f"node {each}: it can never run, an input of it is never fed"


def _unknown_types(flow: Flow, types: NodeTypes) -> Iterator[str]:
    for node in flow.nodes.values():
        if types.get(node.type) is None:
            yield f"node {node.id}: unknown type {node.type}"


def _missing_parents(flow: Flow) -> Iterator[str]:
    for node in flow.nodes.values():
        if node.parent_id is not None and node.parent_id not in flow.nodes:
            yield f"node {node.id}: its parent {node.parent_id} does not exist"


def _broken_edges(flow: Flow, types: NodeTypes) -> Iterator[str]:
    for edge in flow.edges:
        for node_id, port_id in _ends(edge):
            node = flow.nodes.get(node_id)
            if node is None:
                yield f"edge {edge}: there is no node {node_id}"
            elif node.port(port_id) is None and types.get(node.type) is not None:
                yield f"edge {edge}: node {node_id} has no port {port_id}"


def _ends(edge: Edge) -> tuple[tuple[str, str], tuple[str, str]]:
    return (edge.source, edge.source_port), (edge.target, edge.target_port)


def _misfits(flow: Flow) -> Iterator[str]:
    for edge in flow.edges:
        source, target = (_port(flow, *end) for end in _ends(edge))
        if source is None or target is None:
            continue
        if not source.direction.gives_values:
            yield f"edge {edge}: {edge.source}.{edge.source_port} is an input, it gives no values"
        if not target.direction.takes_values:
            yield f"edge {edge}: {edge.target}.{edge.target_port} is an output, it takes no values"
        reason = misfit(source, target)
        if reason is not None:
            yield f"edge {edge}: {reason}"


def _port(flow: Flow, node_id: str, port_id: str) -> Port | None:
    node = flow.nodes.get(node_id)
    return node.port(port_id) if node is not None else None


def _wrong_values(flow: Flow) -> Iterator[str]:
    for node in flow.nodes.values():
        for port_id, value in node.values.items():
            port = node.ports.get(port_id) or SYSTEM_PORTS.get(port_id)
            if port is None or not port.direction.takes_values:
                continue
            try:
                normalise(port, value)
            except PortError as error:
                yield str(PortError(error.port_id, error.reason, node.id))


def _open_secrets(flow: Flow) -> Iterator[str]:
    for node in flow.nodes.values():
        for port in node.ports.values():
            if holds_secrets(port) and has_open_default(port):
                yield str(PortError(port.id, "a secret has no default, only a value", node.id))


def _wrong_policies(flow: Flow, types: NodeTypes) -> Iterator[str]:
    for node in flow.nodes.values():
        yield from (f"node {node.id}: {each}" for each in policy_problems(node.metadata))
        if node.metadata.get("retry") is None:
            continue
        kind = types.get(node.type)
        if kind is not None and kind.kind == "once":
            yield f"node {node.id}: {node.type} is never run twice, so it takes no retry"
        if any(
            port.type is PortType.STREAM and not port.direction.takes_values
            for port in node.ports.values()
        ):
            yield (
                f"node {node.id}: it gives a stream, whose readers have seen its first try, "
                "so it takes no retry"
            )


def _missing_inputs(flow: Flow) -> Iterator[str]:
    connected = {(each.target, root_of(each.target_port)) for each in flow.edges}
    for node in flow.nodes.values():
        for port in node.ports.values():
            if _is_missing(node, port) and (node.id, port.id) not in connected:
                reason = "it is required and has no source, no value and no default"
                yield str(PortError(port.id, reason, node.id))


def _is_missing(node: Node, port: Port) -> bool:
    takes = port.required and port.direction.takes_values
    return takes and node.values.get(port.id) is None


def _disagreements(flow: Flow) -> Iterator[str]:
    """Nodes whose own list of connections says something else than the edges."""
    ends: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
    for edge in flow.edges:
        (source, source_port), (target, target_port) = _ends(edge)
        ends[source].add((source_port, target, target_port))
        ends[target].add((target_port, source, source_port))
    for node in flow.nodes.values():
        if node.connections is not None and _listed(node.connections) != ends[node.id]:
            yield f"node {node.id}: its connections and the edges of the flow disagree"


def _listed(connections: Mapping[str, Any]) -> set[tuple[str, str, str]]:
    return {
        (port_id, str(each.get("nodeId")), str(each.get("portId")))
        for port_id, listed in connections.items()
        if isinstance(listed, list)
        for each in listed
        if isinstance(each, Mapping)
    }
