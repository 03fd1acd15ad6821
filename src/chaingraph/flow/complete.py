"""The flow as it runs: what its node types know is added to what was stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chaingraph.errors import PortError
from chaingraph.flow.model import SYSTEM_PORTS, Flow, Node, NodeTypeInfo, NodeTypes
from chaingraph.flow.ports import Json, JsonObject, Port, PortType
from chaingraph.flow.secrets import is_sensitive, marked_sensitive
from chaingraph.flow.transfer import normalise

_NOTHING: frozenset[str] = frozenset()


def complete(flow: Flow, types: NodeTypes) -> Flow:
    """`flow` with every port its node types declare, and a value wherever there is a default.

    Nothing stored is replaced, only brought into its port's type: "3.5" becomes 3.5. Nodes of
    unknown types get what their own ports say.
    """
    nodes = {each.id: complete_node(each, types.get(each.type)) for each in flow.nodes.values()}
    edges = tuple(replace(each, absent=_NOTHING) if each.absent else each for each in flow.edges)
    return replace(flow, nodes=nodes, edges=edges, absent=_NOTHING)


def complete_node(node: Node, kind: NodeTypeInfo | None) -> Node:
    """One node as it runs; `kind` is its type, None when that is unknown."""
    declared = kind.ports if kind is not None else {}
    metadata, ports = _metadata(node, kind), _ports(node, declared)
    whole = replace(node, metadata=metadata, ports=ports, absent=_NOTHING)
    return replace(whole, values=_values(whole, declared))


def default_value(port: Port, declared: Port | None = None) -> Json:
    """What a port holds when nothing is stored: its own default, or else its declaration's.

    An object without either is made of the defaults of its properties. None means no value.
    """
    if port.type in (PortType.SECRET, PortType.STREAM):
        return None
    for each in (port, declared):
        if each is not None and each.default is not None:
            return each.default
    return _from_properties(port) or (_from_properties(declared) if declared else None)


def _metadata(node: Node, kind: NodeTypeInfo | None) -> JsonObject:
    if kind is None or not kind.flow_ports:
        return node.metadata
    stored = node.metadata.get("flowPorts")
    merged = {**kind.flow_ports, **(stored if isinstance(stored, Mapping) else {})}
    return {**node.metadata, "flowPorts": merged}


def _ports(node: Node, declared: Mapping[str, Port]) -> Mapping[str, Port]:
    added = {
        port_id: replace(port, config={**port.config, "nodeId": node.id})
        for port_id, port in declared.items()
        if port_id not in node.ports
    }
    # What the type keeps secret is secret also where a port was stored without saying so.
    marked = {
        port_id: marked_sensitive(node.ports[port_id])
        for port_id, port in declared.items()
        if is_sensitive(port) and port_id in node.ports
    }
    return {**node.ports, **marked, **added} if added or marked else node.ports


def _values(node: Node, declared: Mapping[str, Port]) -> dict[str, Json]:
    values: dict[str, Json] = {}
    for port_id, port in node.ports.items():
        stored = node.values.get(port_id)
        if stored is None and port_id not in node.values:
            stored = default_value(port, declared.get(port_id))
            if stored is None:
                continue
        values[port_id] = _in_type(port, stored)
    for port_id, system in SYSTEM_PORTS.items():
        if node.port(port_id) is not None:
            values[port_id] = node.values.get(port_id, system.default)
    return values


def _in_type(port: Port, value: Json) -> Json:
    try:
        return normalise(port, value)
    except PortError:
        return value  # validation names it


def _from_properties(port: Port) -> dict[str, Any] | None:
    found = {key: default_value(each) for key, each in port.properties.items()}
    return {key: each for key, each in found.items() if each is not None} or None
