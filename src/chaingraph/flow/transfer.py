"""How values reach ports: by path, in the port's type, never shared.

Values of ports are plain: None, bool, int, float, str, bytes, aware datetimes, and lists, dicts
and sets of these. `plain` makes a value so, `normalise` also holds it against its port.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Any

from chaingraph.errors import PortError
from chaingraph.flow.ports import Port, PortType, root_of, split_path
from chaingraph.flow.secrets import Secret, holds_secrets, is_sealed, is_sensitive, secret_value

#: types whose values cannot be changed and need no copy
SCALARS = frozenset({type(None), bool, int, float, str, bytes})
_ABSENT = object()
_MAX_INDEX = 1_000_000
_MAX_DEPTH = 100
#: integers up to here are exact in every reader, also in those that know only doubles
_EXACT = 2**53


def get_path(values: Mapping[str, Any], port_id: str) -> Any:
    """The value at a top-level or child port id (`payload.value`, `items[0]`); None when absent."""
    found = values.get(port_id, _ABSENT)
    if found is not _ABSENT:
        return found
    root, steps = _parse(port_id)
    here = values.get(root) if steps else None
    for step in steps:
        here = _step(here, step)
    return here


def set_path(values: dict[str, Any], port_id: str, value: Any) -> None:
    """Put `value` at a port id. Only `values` itself changes: containers inside are copied.

    Missing parents are created; a list that is too short is filled up with None.
    """
    root, steps = (port_id, ()) if port_id in values else _parse(port_id)
    values[root] = _replaced(values.get(root), steps, value, port_id) if steps else value


@lru_cache(maxsize=8192)
def _parse(port_id: str) -> tuple[str, tuple[str | int, ...]]:
    root = root_of(port_id)
    return root, tuple(split_path(port_id[len(root) :]))


def _step(here: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return here[step] if isinstance(here, list) and step < len(here) else None
    return here.get(step) if isinstance(here, Mapping) else None


def _replaced(here: Any, steps: tuple[str | int, ...], value: Any, port_id: str) -> Any:
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(step, str):
        members = dict(here) if isinstance(here, Mapping) else {}
        members[step] = _replaced(members.get(step), rest, value, port_id)
        return members
    if step > _MAX_INDEX:
        raise PortError(port_id, f"index {step} is beyond the limit of {_MAX_INDEX:,}")
    items = list(here) if isinstance(here, list) else []
    items.extend([None] * (step + 1 - len(items)))
    items[step] = _replaced(items[step], rest, value, port_id)
    return items


def copy(value: Any) -> Any:
    """A deep copy of a plain value. Scalars and everything live are returned as they are."""
    kind = type(value)
    if kind is dict:
        return {k: v if type(v) in SCALARS else copy(v) for k, v in value.items()}
    if kind is list:
        return [v if type(v) in SCALARS else copy(v) for v in value]
    return set(value) if kind is set else value


def plain(value: Any, *, at: str = "value", limit_depth: int = _MAX_DEPTH) -> Any:
    """A deep, unshared copy of what a body returned, in plain values.

    Tuples become lists, enum members their values; mappings, dataclasses and models become
    dicts; a datetime becomes UTC (one without a zone is taken as UTC) with whole milliseconds.
    Raises PortError, naming the place below `at`, for anything else and for keys that are no
    strings.
    """
    if type(value) in SCALARS:
        return value
    if limit_depth <= 0:
        raise PortError(at, f"the value is nested deeper than {_MAX_DEPTH} levels, or holds itself")
    below = limit_depth - 1
    if isinstance(value, list | tuple):
        return [
            each if type(each) in SCALARS else plain(each, at=f"{at}[{i}]", limit_depth=below)
            for i, each in enumerate(value)
        ]
    members = _members(value)
    if members is None:
        return _plain_leaf(value, at, below)
    return {
        _key(key, at): each
        if type(each) in SCALARS
        else plain(each, at=f"{at}.{key}", limit_depth=below)
        for key, each in members.items()
    }


def _members(value: Any) -> Mapping[Any, Any] | None:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, type):
        return None
    if is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    if hasattr(value, "model_dump"):
        dumped = value.model_dump()
        return dumped if isinstance(dumped, Mapping) else None
    return None


def _key(key: Any, at: str) -> str:
    if type(key) is str:
        return key
    if isinstance(key, str):
        return str(key.value) if isinstance(key, Enum) else str(key)
    raise PortError(at, f"keys must be strings, got {key!r} of type {_type_name(key)}")


def _plain_leaf(value: Any, at: str, below: int) -> Any:
    if isinstance(value, Enum):
        return plain(value.value, at=at, limit_depth=below)
    if isinstance(value, datetime):
        zoned = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        return zoned.replace(microsecond=zoned.microsecond // 1000 * 1000)
    if isinstance(value, set | frozenset):
        return {_member(each, at, below) for each in value}
    for base in (str, int, float):
        if isinstance(value, base):
            return base(value)
    if isinstance(value, Secret):
        raise PortError(at, "a secret is kept at secret ports only")
    raise PortError(at, f"a value of type {_type_name(value)} cannot be kept")


def _member(value: Any, at: str, below: int) -> Any:
    member = plain(value, at=at, limit_depth=below)
    if isinstance(member, list | dict | set):
        raise PortError(at, f"a set cannot hold a {_type_name(value)}")
    return member


def normalise(port: Port, value: Any) -> Any:
    """`value` as this port holds it: plain, unshared, in the port's type. None means absent.

    Raises PortError, naming the port, what it wants and what it was given.
    """
    try:
        return None if value is None else _BY_TYPE[port.type](port, value)
    except PortError:
        if is_sensitive(port) and is_sealed(value):
            return dict(value)
        raise


def _wrong(port: Port, wanted: str, value: Any) -> PortError:
    short = isinstance(value, int | float) or (isinstance(value, str) and len(value) < 60)
    shown = f" ({value!r})" if short and not holds_secrets(port) else ""
    return PortError(port.id, f"expected {wanted}, got {_type_name(value)}{shown}")


def _type_name(value: Any) -> str:
    return type(value).__name__


def _string(port: Port, value: Any) -> str:
    if type(value) is str:
        return value
    if isinstance(value, str):
        return str(plain(value, at=port.id))
    raise _wrong(port, "a string", value)


_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def _number(port: Port, value: Any) -> int | float:
    if type(value) is int:
        return value
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return _number(port, _parsed(value))
    if isinstance(value, float) and math.isfinite(value):
        return int(value) if value.is_integer() and abs(value) < _EXACT else float(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    raise _wrong(port, "a number", value)


def _parsed(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _boolean(port: Port, value: Any) -> bool:
    if value is True or value is False:
        return value
    raise _wrong(port, "a boolean", value)


def _enum(port: Port, value: Any) -> str:
    option = plain(value, at=port.id) if isinstance(value, str) else None
    if not isinstance(option, str):
        raise _wrong(port, "the id of an option", value)
    if port.options and option not in port.options:
        shown = "this" if is_sensitive(port) else repr(option)
        raise PortError(port.id, f"{shown} is none of the options {', '.join(port.options)}")
    return option


def _array(port: Port, value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise _wrong(port, "an array", value)
    item = port.item
    if item is None or item.type is PortType.ANY:
        return list(plain(value, at=port.id))
    items: list[Any] = []
    try:
        for each in value:
            items.append(normalise(item, each))
    except PortError as error:
        inside = error.port_id.removeprefix(item.id)
        raise PortError(f"{port.id}[{len(items)}]{inside}", error.reason) from None
    return items


def _object(port: Port, value: Any) -> dict[str, Any]:
    members = _members(value)
    if members is None:
        raise _wrong(port, "an object", value)
    result: dict[str, Any] = {}
    for key, each in members.items():
        name = _key(key, port.id)
        known = port.properties.get(name)
        here = f"{port.id}.{name}"
        result[name] = plain(each, at=here) if known is None else normalise(known, each)
    return result


def _any(port: Port, value: Any) -> Any:
    return plain(value, at=port.id)


def _stream(port: Port, value: Any) -> Any:
    if isinstance(value, Mapping):
        return plain(value, at=port.id)
    if type(value) in SCALARS or isinstance(value, list | tuple):
        raise _wrong(port, "a stream", value)
    return value  # a live stream: readers share it by reference


_BY_TYPE: Mapping[PortType, Callable[[Port, Any], Any]] = {
    PortType.STRING: _string,
    PortType.NUMBER: _number,
    PortType.BOOLEAN: _boolean,
    PortType.ENUM: _enum,
    PortType.ARRAY: _array,
    PortType.OBJECT: _object,
    PortType.ANY: _any,
    PortType.SECRET: secret_value,
    PortType.STREAM: _stream,
}
