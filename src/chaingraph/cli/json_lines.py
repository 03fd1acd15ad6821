"""What `--json` prints: one plain JSON object a line."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from chaingraph.superjson import UNDEFINED, Custom, JsError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from chaingraph.client import Event
    from chaingraph.execution.view import SeenEvent


def print_objects(objects: Iterable[Mapping[str, Any]]) -> None:
    """Write each as one line, and all of them at once."""
    lines = [json.dumps(plain(each), ensure_ascii=False, separators=(",", ":")) for each in objects]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def event_object(event: SeenEvent | Event) -> dict[str, Any]:
    return {
        "position": event.position,
        "index": event.index,
        "type": event.type,
        "timestamp": event.timestamp,
        "data": event.data,
    }


def record_object(record: DataclassInstance) -> dict[str, Any]:
    """The fields of a record under the names that they have on the wire."""
    return {_camel(each.name): getattr(record, each.name) for each in fields(record)}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def plain(value: Any) -> Any:
    """A superjson value as JSON alone: as JavaScript would write it, and Custom values opened."""
    match value:
        case Enum() if value is not UNDEFINED and isinstance(value, str):
            return value.value
        case None | str() | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case datetime():
            return iso(value)
        case Custom():
            return plain(value.value)
        case JsError():
            return {"name": value.name, "message": value.message}
        case Mapping():
            return _members(value)
        case list() | tuple() | set() | frozenset() | bytes():
            return [plain(each) for each in value]
    return None if value is UNDEFINED else str(value)


def _members(value: Mapping[Any, Any]) -> Any:
    if all(isinstance(key, str) for key in value):
        return {key: plain(each) for key, each in value.items() if each is not UNDEFINED}
    return [[plain(key), plain(each)] for key, each in value.items()]


def iso(at: datetime) -> str:
    """The time in UTC with three digits of milliseconds and a Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
