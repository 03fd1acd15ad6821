"""From format v1 to v2: short port ids, ports in a list, children inside their parents.

Format v1 lists every port of a node, system and child ports too, under ids like `a:PO…`. Format v2
lists top-level ports only, under their keys; a child is found by its path. All functions return
new documents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from typing import Any, TypeAlias

from chaingraph.flow.model import SYSTEM_KEYS
from chaingraph.flow.ports import Json, JsonObject, root_of
from chaingraph.flow.transfer import get_path, set_path

Rename: TypeAlias = Callable[[Any, Any], Any]
"""From a node id and the old id of a port of it to the port's new id."""

Entries: TypeAlias = Mapping[str, JsonObject]
"""What a node says of its ports (`config`, `value`), by port id."""


def needs_migration(flow: JsonObject) -> bool:
    """Whether the flow, or any node in it, is older than v2."""
    version = (flow.get("metadata") or {}).get("schemaVersion")
    return version != "v2" or not all(_is_v2(node) for node in flow["nodes"])


def to_v2(flow: JsonObject) -> dict[str, Any]:
    """The flow in format v2. Ids that are short already stay."""
    ids = {node["id"]: _new_ids(_entries(node)) for node in flow["nodes"]}

    def rename(node_id: Any, port_id: Any) -> Any:
        if not isinstance(node_id, str) or not isinstance(port_id, str):
            return port_id
        return ids.get(node_id, {}).get(port_id, port_id)

    migrated = {
        **flow,
        "metadata": {**(flow.get("metadata") or {}), "schemaVersion": "v2"},
        "nodes": [_node_to_v2(node, rename) for node in flow["nodes"]],
    }
    if "edges" in flow:
        migrated["edges"] = [_edge_to_v2(edge, rename) for edge in flow["edges"] or ()]
    return migrated


def _is_v2(node: JsonObject) -> bool:
    return node.get("schemaVersion") == "v2" and isinstance(node.get("ports", []), list)


def _entries(node: JsonObject) -> Entries:
    ports = node.get("ports", [])
    if isinstance(ports, list):
        return {str(each["config"].get("id")): each for each in ports}
    return ports if isinstance(ports, dict) else {}


def _new_ids(entries: Entries) -> dict[str, str]:
    configs = {old: each["config"] for old, each in entries.items()}
    return {old: _new_id(old, configs, len(configs)) for old in configs}


def _new_id(old: str, configs: Entries, patience: int) -> str:
    config = configs[old]
    key = str(config.get("key") or old.partition(":")[0])
    parent = config.get("parentId")
    if not isinstance(parent, str) or parent not in configs or patience == 0:
        return key
    above = _new_id(parent, configs, patience - 1)
    in_list = configs[parent].get("type") in ("array", "stream")
    return f"{above}[{key.strip('[]')}]" if in_list else f"{above}.{key}"


def _edge_to_v2(edge: JsonObject, rename: Rename) -> dict[str, Any]:
    return {
        **edge,
        "sourcePortId": rename(edge["sourceNodeId"], edge["sourcePortId"]),
        "targetPortId": rename(edge["targetNodeId"], edge["targetPortId"]),
    }


def _node_to_v2(node: JsonObject, rename: Rename) -> dict[str, Any]:
    if _is_v2(node):
        return _renamed_node(node, rename)
    entries = {
        rename(node["id"], old): _entry_to_v2(node, old, entry, rename)
        for old, entry in _entries(node).items()
    }
    top = sorted((each for each in entries if _is_top(each)), key=lambda at: _order(entries[at]))
    values = _values(entries, top)
    migrated = {
        **{key: each for key, each in node.items() if key != "ports_values"},
        "type": node.get("type") or node["metadata"]["type"],
        "ports": [_with_value(entries[each], each, values) for each in top],
        "systemPorts": {
            name: {"id": each, "value": entries[each]["value"]}
            for name, each in SYSTEM_KEYS.items()
            if "value" in entries.get(each, {})
        },
        "connections": {
            each: entry["config"]["connections"]
            for each, entry in entries.items()
            if entry["config"].get("connections")
        },
        "schemaVersion": "v2",
    }
    _declare_children(migrated["ports"], entries)
    return migrated


def _renamed_node(node: JsonObject, rename: Rename) -> dict[str, Any]:
    renamed = dict(node)
    if "ports" in node:
        renamed["ports"] = [
            {**each, "config": _config(each["config"], node["id"], rename)}
            for each in node["ports"]
        ]
    if isinstance(node.get("connections"), dict):
        renamed["connections"] = {
            rename(node["id"], port_id): _connections(each, rename)
            for port_id, each in node["connections"].items()
        }
    return renamed


def _entry_to_v2(node: JsonObject, old: str, entry: JsonObject, rename: Rename) -> dict[str, Any]:
    migrated = {key: each for key, each in entry.items() if key != "id"}
    stored = node.get("ports_values")
    if "value" not in entry and isinstance(stored, dict) and old in stored:
        migrated["value"] = stored[old]
    new = rename(node["id"], old)
    migrated["config"] = {**_config(entry["config"], node["id"], rename), "id": new}
    return migrated


def _is_top(port_id: str) -> bool:
    return root_of(port_id) == port_id and port_id not in SYSTEM_KEYS.values()


def _order(entry: JsonObject) -> float:
    order = entry["config"].get("order")
    return order if isinstance(order, int | float) else inf


def _values(entries: Entries, top: list[str]) -> dict[str, Json]:
    """Values of the top-level ports; what only a child knows is put into its parent."""
    values = {each: entries[each]["value"] for each in top if "value" in entries[each]}
    for port_id in sorted(entries):
        value = entries[port_id].get("value")
        inside = port_id not in values and root_of(port_id) in top
        if inside and value is not None and get_path(values, port_id) is None:
            set_path(values, port_id, value)
    return values


def _with_value(entry: JsonObject, port_id: str, values: JsonObject) -> dict[str, Any]:
    return {**entry, "value": values[port_id]} if port_id in values else dict(entry)


def _declare_children(ports: list[dict[str, Any]], entries: Entries) -> None:
    """Let each object's schema name the children that v1 listed beside it."""
    for port in ports:
        config = port["config"]
        start = f"{config['id']}."
        names = {each[len(start) :]: each for each in entries if each.startswith(start)}
        schema = _mapping(config.get("schema"))
        known = _mapping(schema.get("properties"))
        added = {
            name: entries[each]["config"]
            for name, each in names.items()
            if name not in known and root_of(name) == name
        }
        if added and config.get("type") == "object":
            properties = {**known, **added}
            port["config"] = {**config, "schema": {**schema, "properties": properties}}


def _mapping(value: Any) -> JsonObject:
    """What a damaged flow has in place of an object is an empty one."""
    return value if isinstance(value, dict) else {}


def _config(config: JsonObject, node_id: str, rename: Rename) -> dict[str, Any]:
    """A port's configuration, and those inside it, with new ids."""
    owner = config.get("nodeId", node_id)
    renamed = dict(config)
    for key in ("id", "parentId"):
        if isinstance(config.get(key), str):
            renamed[key] = rename(owner, config[key])
    if isinstance(config.get("connections"), list):
        renamed["connections"] = _connections(config["connections"], rename)
    for key in ("itemConfig", "underlyingType"):
        if isinstance(config.get(key), dict):
            renamed[key] = _config(config[key], owner, rename)
    schema = config.get("schema")
    if isinstance(schema, dict) and isinstance(schema.get("properties"), dict):
        properties = schema["properties"].items()
        inside = {k: _config(v, owner, rename) if isinstance(v, dict) else v for k, v in properties}
        renamed["schema"] = {**schema, "properties": inside}
    return renamed


def _connections(connections: Any, rename: Rename) -> Any:
    if not isinstance(connections, list):
        return connections
    return [
        {**each, "portId": rename(each.get("nodeId"), each.get("portId"))}
        if isinstance(each, dict)
        else each
        for each in connections
    ]
