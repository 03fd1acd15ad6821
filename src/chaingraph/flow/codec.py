"""The stored form of a flow: JSON with `nodes` and `edges`, format v2, read and written.

Reading changes nothing: `write_flow(read_flow(x)) == x` for every flow of format v2. Unknown keys
are carried in `extra`, which mirrors the stored form; keys that were left out are in `absent`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, TypeVar

from chaingraph.errors import InvalidFlow, PortError
from chaingraph.flow.compact import read_compact
from chaingraph.flow.ids import stable_edge_id, stable_flow_id
from chaingraph.flow.migrate import needs_migration, to_v2
from chaingraph.flow.model import SYSTEM_KEYS, Edge, Flow, Node, NodeTypes
from chaingraph.flow.ports import Json, JsonObject, Port
from chaingraph.flow.shape import check_shape
from chaingraph.flow.text import parse_text

T = TypeVar("T")

#: the keys this version reads, with the type they are read as; anything else goes to `extra`
_FLOW_KEYS: Mapping[str, type] = {"id": str, "metadata": dict, "nodes": list, "edges": list}
_NODE_KEYS: Mapping[str, type] = {
    "id": str,
    "type": str,
    "metadata": dict,
    "status": str,
    "ports": list,
    "systemPorts": dict,
    "connections": dict,
    "schemaVersion": str,
}
#: what `extra` holds of these is merged with what the node knows
_MIRRORED = ("ports", "systemPorts")
_EDGE_KEYS: Mapping[str, type] = {
    "id": str,
    "sourceNodeId": str,
    "sourcePortId": str,
    "targetNodeId": str,
    "targetPortId": str,
    "metadata": dict,
}


def parse_flow_text(text: str, source: str, types: NodeTypes) -> Flow:
    """Read a flow from JSON or YAML text, in the stored or the compact form.

    Raises UnreadableFlow when it is no flow, InvalidFlow when it is one with mistakes.
    """
    return read_document(parse_text(text, source), source, types)


def read_document(document: Any, source: str, types: NodeTypes) -> Flow:
    """Read parsed JSON or YAML, in the stored or the compact form; raises as `parse_flow_text`."""
    if isinstance(document, Mapping) and isinstance(document.get("nodes"), Mapping):
        return read_compact(document, source, types)
    return read_flow(document, source)


def read_flow(document: Any, source: str = "flow") -> Flow:
    """Read parsed JSON: a flow, or a whole row of `chaingraph_flows` with the flow in `data`.

    Older formats are migrated. Node types are not looked up here, so unknown ones are kept.
    Raises UnreadableFlow, or InvalidFlow when ports are defined wrongly.
    """
    data = check_shape(_unwrapped(document, source), source)
    if needs_migration(data):
        data = to_v2(data)
    metadata = _get(data, "metadata", dict, {})
    flow_id = str(data.get("id") or metadata.get("id") or _id_from(metadata, source))
    problems: list[str] = []
    nodes = {raw["id"]: _read_node(raw, problems) for raw in data["nodes"]}
    if problems:
        raise InvalidFlow(flow_id, problems)
    return Flow(
        id=flow_id,
        metadata=metadata,
        nodes=nodes,
        edges=tuple(_read_edge(raw) for raw in data.get("edges") or ()),
        extra=_extra(data, _FLOW_KEYS),
        absent=_absent(data, "id", "metadata", "edges"),
    )


def write_flow(flow: Flow) -> dict[str, Any]:
    """The stored form, format v2. It shares its inner parts with `flow`: do not change them."""
    written = {
        "id": flow.id,
        "metadata": flow.metadata,
        "nodes": [write_node(each) for each in flow.nodes.values()],
        "edges": [write_edge(each) for each in flow.edges],
    }
    unsaid: JsonObject = {"id": flow.metadata.get("id"), "metadata": {}, "edges": []}
    return _stored(written, flow.absent, unsaid, flow.extra)


def snapshot_hash(flow_json: Json) -> str:
    """The SHA-256 of a flow's JSON; the order of keys does not matter."""
    text = json.dumps(flow_json, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _unwrapped(document: Any, source: str) -> Any:
    if not isinstance(document, Mapping) or "nodes" in document or "data" not in document:
        return document
    data = document["data"]
    return parse_text(data, f"{source}.data.json") if isinstance(data, str) else data


def _id_from(metadata: JsonObject, source: str) -> str:
    return stable_flow_id(str(metadata.get("name") or source))


def _get(raw: JsonObject, key: str, kind: type[T], default: T) -> T:
    value = raw.get(key)
    return value if isinstance(value, kind) else default


def _extra(raw: JsonObject, known: Mapping[str, type]) -> dict[str, Any]:
    return {key: each for key, each in raw.items() if not isinstance(each, known.get(key, ()))}


def _absent(raw: JsonObject, *usual: str) -> frozenset[str]:
    return frozenset(key for key in usual if key not in raw)


def _stored(
    written: dict[str, Any], absent: frozenset[str], unsaid: JsonObject, extra: JsonObject
) -> dict[str, Any]:
    """`written`, less the absent keys that still say what leaving them out says, plus `extra`."""
    for key in absent:
        if written[key] == unsaid[key]:
            del written[key]
    return {**written, **extra}


def _read_node(raw: JsonObject, problems: list[str]) -> Node:
    metadata = _get(raw, "metadata", dict, {})
    values: dict[str, Json] = {}
    extra = _extra(raw, _NODE_KEYS)
    extra_system = _read_system_ports(_get(raw, "systemPorts", dict, {}), values)
    ports, extra_ports = _read_ports(raw, values, problems)
    if extra_system:
        extra["systemPorts"] = extra_system
    if extra_ports:
        extra["ports"] = extra_ports
    return Node(
        id=raw["id"],
        type=str(raw.get("type") or metadata.get("type")),
        metadata=metadata,
        ports=ports,
        values=values,
        status=_get(raw, "status", str, "initialized"),
        connections=_get(raw, "connections", dict, None),
        extra=extra,
        absent=_absent(raw, "type", "metadata", "status", "systemPorts", "ports"),
    )


def _read_ports(
    raw: JsonObject, values: dict[str, Json], problems: list[str]
) -> tuple[dict[str, Port], dict[str, Any]]:
    ports: dict[str, Port] = {}
    extra: dict[str, Any] = {}
    for entry in raw.get("ports", ()):
        try:
            port = Port.from_config(entry["config"], node_id=raw["id"])
        except PortError as error:
            problems.append(str(error))
            continue
        if port.id in ports:
            problems.append(f"port {raw['id']}.{port.id}: it is there twice")
        ports[port.id] = port
        if "value" in entry:
            values[port.id] = entry["value"]
        if len(entry) > 2 or (len(entry) == 2 and "value" not in entry):
            extra[port.id] = {k: v for k, v in entry.items() if k not in ("config", "value")}
    return ports, extra


def _read_system_ports(raw: JsonObject, values: dict[str, Json]) -> dict[str, Any]:
    """Put the system ports' values into `values`; what else there is, is returned."""
    extra: dict[str, Any] = {}
    for name, entry in raw.items():
        port_id = SYSTEM_KEYS.get(name)
        if port_id is None or not isinstance(entry, dict):
            extra[name] = entry
            continue
        rest = {key: each for key, each in entry.items() if key != "value"}
        if "value" in entry:
            values[port_id] = entry["value"]
        if "value" not in entry or rest != {"id": port_id}:
            extra[name] = rest
    return extra


def write_node(node: Node) -> dict[str, Any]:
    """The stored form of one node, format v2."""
    written = {
        "id": node.id,
        "type": node.type,
        "metadata": node.metadata,
        "status": node.status,
        "systemPorts": _write_system_ports(node),
        "ports": _write_ports(node),
        "schemaVersion": "v2",
    }
    if node.connections is not None:
        written["connections"] = node.connections
    unsaid: JsonObject = {
        "type": node.metadata.get("type"),
        "metadata": {},
        "status": "initialized",
        "systemPorts": {},
        "ports": [],
    }
    extra = {k: v for k, v in node.extra.items() if not (k in _MIRRORED and isinstance(v, dict))}
    return _stored(written, node.absent, unsaid, extra)


def _write_ports(node: Node) -> list[dict[str, Any]]:
    extra = _get(node.extra, "ports", dict, {})
    written = []
    for port_id, port in node.ports.items():
        entry = {**extra.get(port_id, {}), "config": port.config}
        if port_id in node.values:
            entry["value"] = node.values[port_id]
        written.append(entry)
    return written


def _write_system_ports(node: Node) -> dict[str, Any]:
    written = dict(_get(node.extra, "systemPorts", dict, {}))
    for name, port_id in SYSTEM_KEYS.items():
        if port_id in node.values:
            written[name] = {**written.get(name, {"id": port_id}), "value": node.values[port_id]}
    return written


def _read_edge(raw: JsonObject) -> Edge:
    ends = (raw["sourceNodeId"], raw["sourcePortId"], raw["targetNodeId"], raw["targetPortId"])
    source, source_port, target, target_port = ends
    text = f"{source}.{source_port} -> {target}.{target_port}"
    return Edge(
        raw.get("id") or stable_edge_id(text),
        *ends,
        metadata=_get(raw, "metadata", dict, {}),
        extra=_extra(raw, _EDGE_KEYS),
        absent=_absent(raw, "metadata"),
    )


def write_edge(edge: Edge) -> dict[str, Any]:
    """The stored form of one edge."""
    written = {
        "id": edge.id,
        "sourceNodeId": edge.source,
        "sourcePortId": edge.source_port,
        "targetNodeId": edge.target,
        "targetPortId": edge.target_port,
        "metadata": edge.metadata,
    }
    return _stored(written, edge.absent, {"metadata": {}}, edge.extra)
