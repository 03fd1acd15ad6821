"""What of a body's result is kept: checked, unshared, and only what changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chaingraph.errors import PortError, ValueTooLarge
from chaingraph.flow.model import SYSTEM_PORTS
from chaingraph.flow.ports import Port, PortType
from chaingraph.flow.transfer import SCALARS, normalise
from chaingraph.superjson import dumps

#: Text shorter than this needs no weighing.
LIGHT = 65_536


def changed_values(
    ports: Mapping[str, Port],
    current: Mapping[str, Any],
    result: Mapping[str, Any],
    limit: int,
    keep: Callable[[Port, Any], Any] = normalise,
) -> dict[str, Any]:
    """The values of `result` that differ from `current`, as the journal will `keep` them.

    Raises PortError for a port the node does not have or a value the port cannot hold, and
    ValueTooLarge for a value of more than `limit` bytes.
    """
    changed: dict[str, Any] = {}
    for port_id, given in result.items():
        if port_id in SYSTEM_PORTS:
            continue
        port = ports.get(port_id)
        if port is None:
            raise PortError(port_id, "the node has no such port")
        if port.type is PortType.STREAM:
            continue
        value = keep(port, given)
        if not _same(value, current.get(port_id)):
            weigh(f"port {port_id}", value, limit)
            changed[port_id] = value
    return changed


def _same(new: Any, old: Any) -> bool:
    """Equal in the journal's eyes: 1 and True are not."""
    if type(new) is not type(old) or new != old:
        return False
    return type(new) in SCALARS or dumps(new) == dumps(old)


def weigh(what: str, value: Any, limit: int) -> None:
    """Raises ValueTooLarge, or SuperjsonError for what cannot be written down at all."""
    if _is_light(value):
        return
    size = len(dumps(value))
    if size > limit:
        raise ValueTooLarge(f"The value of {what}", size, limit)


def _is_light(value: Any) -> bool:
    if isinstance(value, str | bytes):
        return len(value) <= LIGHT
    if isinstance(value, int):
        return value.bit_length() <= 64
    return type(value) in SCALARS
