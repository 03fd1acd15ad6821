"""Which ports may be connected: the types' table, asked when a flow is made, not when it runs."""

from __future__ import annotations

from collections.abc import Mapping

from chaingraph.errors import PortError
from chaingraph.flow.ports import Port, PortType


def misfit(source: Port, target: Port) -> str | None:
    """Why values of `source` do not fit `target`, in a few words; None when they do."""
    if target.type is PortType.ANY:
        return None
    if source.type is PortType.ANY:
        return _any_misfit(source, target)
    if source.type is not target.type:
        return f"{source.type} does not fit {target.type}"
    if target.type in (PortType.ARRAY, PortType.STREAM):
        return _item_misfit(source, target)
    if target.type is PortType.OBJECT:
        return _object_misfit(source, target)
    return _secret_misfit(source, target) if target.type is PortType.SECRET else None


def _any_misfit(source: Port, target: Port) -> str | None:
    underlying = source.config.get("underlyingType")
    if not isinstance(underlying, Mapping):
        return None  # nothing is known yet; the transfer will tell
    whole = {"type": "any", **underlying, "id": source.id, "direction": source.direction.value}
    try:
        return misfit(Port.from_config(whole), target)
    except PortError as error:
        return error.reason


def _is_mutable(port: Port) -> bool:
    return bool(port.config.get("isMutable") or port.config.get("isSchemaMutable"))


def _item_misfit(source: Port, target: Port) -> str | None:
    if target.item is None or source.item is None or _is_mutable(target):
        return None
    reason = misfit(source.item, target.item)
    return reason and f"{target.type} items: {reason}"


def _object_misfit(source: Port, target: Port) -> str | None:
    if not target.properties and _is_mutable(target):
        return None
    for key, wanted in target.properties.items():
        given = source.properties.get(key)
        if given is None and wanted.required and source.properties:
            return f"property {key} is missing"
        reason = misfit(given, wanted) if given is not None else None
        if reason:
            return f"property {key}: {reason}"
    return None


def _secret_misfit(source: Port, target: Port) -> str | None:
    given, wanted = source.config.get("secretType"), target.config.get("secretType")
    if not given or not wanted or given == wanted:
        return None
    return f"a secret of type {given} does not fit {wanted}"
