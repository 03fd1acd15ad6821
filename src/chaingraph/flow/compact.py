"""The form of a flow that people write: nodes by name, their inputs, edges as `a.x -> b.y`.

    name: sum
    nodes:
      add: {type: MathNode, inputs: {a: 1, b: 2, operation: add}}
      show: {type: NumberToStringNode, timeout: 500, retry: {attempts: 3}}
    edges:
      - add.result -> show.number

A node's name is its id; it has no dot, so the first dot of an end begins the port id. `timeout`
is in milliseconds; `retry` is described in `flow.retry`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from chaingraph.errors import InvalidFlow, PortError, UnreadableFlow
from chaingraph.flow.complete import complete_node, default_value
from chaingraph.flow.ids import stable_edge_id, stable_flow_id
from chaingraph.flow.model import (
    EXECUTE,
    SYSTEM_PORTS,
    Edge,
    Flow,
    Node,
    NodeTypeInfo,
    NodeTypes,
)
from chaingraph.flow.ports import JsonObject, Port, PortType, root_of
from chaingraph.flow.transfer import normalise, set_path

_FLOW_KEYS: Mapping[str, type] = {
    "id": str,
    "name": str,
    "description": str,
    "owner": str,
    "metadata": dict,
}
_NODE_KEYS: Mapping[str, type] = {
    "type": str,
    "title": str,
    "parent": str,
    "inputs": dict,
    "retry": dict,
    "timeout": float,
    "metadata": dict,
}
_NAME = re.compile(r"[^\s.]+")


def read_compact(document: Any, source: str, types: NodeTypes) -> Flow:
    """Read the compact form. The same text always gives the same ids.

    Nodes of unknown types are kept; validation names them. Raises UnreadableFlow when the shape
    is another, InvalidFlow with all mistakes when there are any.
    """
    if not isinstance(document, Mapping) or not isinstance(document.get("nodes"), Mapping):
        raise UnreadableFlow(source, "it has no mapping of nodes")
    if not isinstance(document.get("edges") or [], list):
        raise UnreadableFlow(source, "its edges are no list")
    problems = _wrong_keys("flow", document, {**_FLOW_KEYS, "nodes": dict, "edges": list})
    metadata = _flow_metadata(document, source)
    nodes = {
        str(name): _read_node(str(name), raw, types, problems)
        for name, raw in document["nodes"].items()
    }
    edges = _read_edges(document.get("edges") or (), problems)
    if problems:
        raise InvalidFlow(metadata["id"], problems)
    return Flow(metadata["id"], metadata, nodes, tuple(edges))


def write_compact(flow: Flow, types: NodeTypes | None = None) -> dict[str, Any]:
    """What the compact form can say of `flow`. With `types`, what they imply is left out.

    Port configurations other than the node type's, and what editors keep on edges, are not part
    of this form. Raises InvalidFlow when a node id cannot be a name in it.
    """
    unfit = [each for each in flow.nodes if not _NAME.fullmatch(each)]
    if unfit:
        reason = "a name in the compact form has no dot and no space"
        raise InvalidFlow(flow.id, [f"node {each}: {reason}" for each in unfit])
    metadata = dict(flow.metadata)
    metadata.pop("schemaVersion", None)
    document = {
        "id": metadata.pop("id", flow.id),
        "name": metadata.pop("name", None),
        "description": metadata.pop("description", None),
        "owner": metadata.pop("ownerID", None),
        "metadata": metadata or None,
        "nodes": {
            each.id: _write_node(each, types.get(each.type) if types else None)
            for each in flow.nodes.values()
        },
        "edges": [str(each) for each in flow.edges],
    }
    return _said(document)


def _said(document: JsonObject) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value is not None}


def _wrong_keys(what: str, raw: JsonObject, known: Mapping[str, type]) -> list[str]:
    problems = [
        f"{what}: unknown key {key!r}, expected some of {', '.join(known)}"
        for key in raw
        if key not in known
    ]
    return problems + [
        f"{what}: {key} must be {_KINDS[kind]}"
        for key, kind in known.items()
        if raw.get(key) is not None and not _is(kind, raw[key])
    ]


_KINDS: Mapping[type, str] = {
    str: "a text",
    dict: "a mapping",
    list: "a list",
    float: "a number",
}


def _is(kind: type, value: Any) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind)


def _get(raw: JsonObject, key: str, known: Mapping[str, type]) -> Any:
    value = raw.get(key)
    return value if _is(known[key], value) else None


def _flow_metadata(document: JsonObject, source: str) -> dict[str, Any]:
    given = {key: _get(document, key, _FLOW_KEYS) for key in _FLOW_KEYS}
    owner = given["owner"]
    name = given["name"] or PurePath(source).name.partition(".")[0]
    stable = stable_flow_id(f"{owner}/{name}" if owner else name)
    facts = {
        "id": given["id"] or stable,
        "name": name,
        "description": given["description"],
        "ownerID": owner,
        "schemaVersion": "v2",
    }
    return {**(given["metadata"] or {}), **_said(facts)}


def _read_node(name: str, raw: Any, types: NodeTypes, problems: list[str]) -> Node:
    what = f"node {name}"
    if not _NAME.fullmatch(name):
        problems.append(f"{what}: a name has no dot and no space")
    if not isinstance(raw, Mapping):
        problems.append(f"{what}: expected a mapping with a type")
        raw = {"type": "?"}
    problems += _wrong_keys(what, raw, _NODE_KEYS)
    type_name = _get(raw, "type", _NODE_KEYS)
    if not raw.get("type"):
        problems.append(f"{what}: it has no type")
    kind = types.get(type_name) if type_name else None
    inputs = {str(key): each for key, each in (_get(raw, "inputs", _NODE_KEYS) or {}).items()}
    metadata = _node_metadata(raw, type_name or "?", kind)
    ports = {} if kind is not None else _any_ports(name, inputs)
    bare = Node(name, type_name or "?", metadata, ports, {})
    return _with_inputs(complete_node(bare, kind), inputs, problems)


def _node_metadata(raw: JsonObject, type_name: str, kind: NodeTypeInfo | None) -> dict[str, Any]:
    own = {
        "type": type_name,
        "title": _get(raw, "title", _NODE_KEYS),
        "parentNodeId": _get(raw, "parent", _NODE_KEYS),
        "retry": _get(raw, "retry", _NODE_KEYS),
        "timeoutMs": _get(raw, "timeout", _NODE_KEYS),
    }
    return {**_implied(kind), **(_get(raw, "metadata", _NODE_KEYS) or {}), **_said(own)}


def _implied(kind: NodeTypeInfo | None) -> dict[str, Any]:
    """The metadata a node has from its type."""
    if kind is None:
        return {}
    facts: dict[str, Any] = {
        "title": kind.title,
        "category": kind.category,
        "description": kind.description,
    }
    facts["flowPorts"] = dict(kind.flow_ports)
    return {key: value for key, value in facts.items() if value}


def _any_ports(node_id: str, inputs: Iterable[str]) -> dict[str, Port]:
    ids = dict.fromkeys(root_of(str(each)) for each in inputs)
    return {
        each: Port.from_config(_any_config(node_id, each))
        for each in ids
        if each not in SYSTEM_PORTS
    }


def _any_config(node_id: str, key: str) -> dict[str, Any]:
    return {"id": key, "key": key, "type": "any", "direction": "passthrough", "nodeId": node_id}


def _with_inputs(node: Node, inputs: JsonObject, problems: list[str]) -> Node:
    values = dict(node.values)
    for port_id in sorted(inputs, key=lambda each: root_of(each) != each):
        try:
            set_path(values, port_id, _input(node, port_id, inputs[port_id]))
        except PortError as error:
            problems.append(str(PortError(error.port_id, error.reason, node.id)))
    return replace(node, values=values)


def _input(node: Node, port_id: str, value: Any) -> Any:
    port = node.port(port_id)
    if port is None:
        known = ", ".join(each.id for each in node.ports.values() if each.direction.takes_values)
        raise PortError(port_id, f"there is no such port; inputs are {known or 'none'}")
    if not port.direction.takes_values:
        raise PortError(port_id, "it is an output, it takes no input")
    held = normalise(port, value)
    try:
        json.dumps(held, allow_nan=False)
    except (TypeError, ValueError):
        raise PortError(port_id, "a flow can store only what JSON can say") from None
    return held


def _read_edges(lines: Iterable[Any], problems: list[str]) -> list[Edge]:
    edges: dict[str, Edge] = {}
    for line in lines:
        edge = _read_edge(line) if isinstance(line, str) else None
        if edge is None:
            problems.append(f"edge {line!r}: expected the form 'node.port -> node.port'")
            continue
        if edge.id in edges:
            problems.append(f"edge {edge}: it is there twice")
        edges[edge.id] = edge
    return list(edges.values())


def _read_edge(line: str) -> Edge | None:
    ends = [each.strip().partition(".") for each in line.split("->")]
    if len(ends) != 2 or not all(_NAME.fullmatch(name) and port for name, _, port in ends):
        return None
    (source, _, source_port), (target, _, target_port) = ends
    edge = Edge("", source, source_port, target, target_port)
    return replace(edge, id=stable_edge_id(str(edge)))


def _write_node(node: Node, kind: NodeTypeInfo | None) -> dict[str, Any]:
    implied = {**_implied(kind), "type": node.type}
    metadata = {k: v for k, v in node.metadata.items() if k not in implied or v != implied[k]}
    document = {
        "type": node.type,
        "title": metadata.pop("title", None),
        "parent": metadata.pop("parentNodeId", None),
        "retry": metadata.pop("retry", None),
        "timeout": metadata.pop("timeoutMs", None),
        "metadata": metadata or None,
        "inputs": _written_inputs(node, kind) or None,
    }
    return _said(document)


def _written_inputs(node: Node, kind: NodeTypeInfo | None) -> dict[str, Any]:
    declared = kind.ports if kind is not None else {}
    inputs = {
        port_id: node.values[port_id]
        for port_id, port in node.ports.items()
        if port.direction.takes_values
        and port.type is not PortType.STREAM
        and port_id in node.values
        and node.values[port_id] != default_value(port, declared.get(port_id))
    }
    if node.values.get(EXECUTE) is False:
        inputs[EXECUTE] = False
    return inputs
