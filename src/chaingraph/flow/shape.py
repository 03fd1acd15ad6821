"""Does a JSON value have the shape of a stored flow? Asked before anything is read from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from chaingraph.errors import UnreadableFlow
from chaingraph.flow.ports import JsonObject

_ENDS = ("sourceNodeId", "sourcePortId", "targetNodeId", "targetPortId")


def check_shape(data: Any, source: str) -> dict[str, Any]:
    """`data`, when nodes, ports and edges can be read from it. Raises UnreadableFlow."""
    reason = _misshapen(data)
    if reason is not None:
        raise UnreadableFlow(source, reason)
    flow: dict[str, Any] = data
    return flow


def _misshapen(data: Any) -> str | None:
    if not isinstance(data, dict):
        return f"expected an object, got {_kind(data)}"
    if not isinstance(data.get("nodes"), list):
        return "it has no list of nodes"
    if not isinstance(data.get("edges") or [], list):
        return "its edges are no list"
    if not isinstance(data.get("metadata") or {}, dict):
        return "its metadata is no object"
    reasons = [_misshapen_node(each, at) for at, each in enumerate(data["nodes"])]
    reasons += [_misshapen_edge(each, at) for at, each in enumerate(data.get("edges") or ())]
    found = next((each for each in reasons if each is not None), None)
    return found or _repeated("node", data["nodes"]) or _repeated("edge", data.get("edges") or ())


def _misshapen_node(node: Any, at: int) -> str | None:
    if not isinstance(node, dict) or not _is_text(node.get("id")):
        return f"nodes[{at}] is no node with an id"
    name = f"node {node['id']}"
    metadata = node.get("metadata")
    if not _is_text(node.get("type") or (isinstance(metadata, dict) and metadata.get("type"))):
        return f"{name} has no type"
    version = node.get("schemaVersion") or "v1"
    if version not in ("v1", "v2"):
        return f"{name} has format {version}, which this version cannot read (v1 and v2 it can)"
    return _misshapen_ports(name, node.get("ports", []))


def _misshapen_ports(name: str, ports: Any) -> str | None:
    if not isinstance(ports, dict | list):
        return f"{name}: its ports are neither a list nor an object"
    entries = ports.values() if isinstance(ports, dict) else ports
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("config"), dict):
            return f"{name} has a port without a config"
    return None


def _misshapen_edge(edge: Any, at: int) -> str | None:
    if not isinstance(edge, dict) or not isinstance(edge.get("id") or "", str):
        return f"edges[{at}] is no edge"
    missing = [key for key in _ENDS if not _is_text(edge.get(key))]
    return f"edge {edge.get('id') or at} has no {', '.join(missing)}" if missing else None


def _repeated(what: str, things: Iterable[JsonObject]) -> str | None:
    counts = Counter(each["id"] for each in things if each.get("id"))
    repeated = [key for key, count in counts.items() if count > 1]
    return f"{what} ids occur more than once: {', '.join(repeated)}" if repeated else None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _kind(value: Any) -> str:
    names = {type(None): "nothing", list: "a list", str: "a text", bool: "a boolean"}
    return names.get(type(value), "a number")
