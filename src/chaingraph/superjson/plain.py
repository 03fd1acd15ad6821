"""Values as JSON alone, for readers who know nothing of superjson."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

from chaingraph.superjson.typed_arrays import TypedArray
from chaingraph.superjson.values import (
    UNDEFINED,
    Custom,
    Instance,
    JsError,
    MapRows,
    SetItems,
    SuperjsonError,
    Symbol,
    Undefined,
)

_LOCAL: Final = len("2026-01-01T00:00:00.000")


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
        case Mapping():
            return _members(value)
        case list() | tuple() | set() | frozenset() | bytes():
            return [plain(each) for each in value]
    return _opened(value)


def _opened(value: Any) -> Any:
    """What only JavaScript has."""
    match value:
        case Undefined():
            return None
        case Custom():
            return plain(value.value)
        case JsError():
            return {"name": value.name, "message": value.message}
        case Instance():
            return plain(value.members)
        case SetItems():
            return plain(value.items)
        case MapRows():
            return plain(value.rows)
        case TypedArray():
            return value.json
        case Symbol():
            return value.description
    return str(value)


def _members(value: Mapping[Any, Any]) -> Any:
    if all(isinstance(key, str) for key in value):
        return {key: plain(each) for key, each in value.items() if each is not UNDEFINED}
    return [[plain(key), plain(each)] for key, each in value.items()]


def iso(at: datetime) -> str:
    """The time in UTC with three digits of milliseconds and a Z; naive means UTC.

    Milliseconds are cut, not rounded: a cursor sent back must not lie after its row.
    """
    try:
        moment = at if at.tzinfo in (None, UTC) else at.astimezone(UTC)
    except OverflowError as error:
        raise SuperjsonError(f"{at.isoformat()} is outside the years 1 to 9999") from error
    return moment.isoformat(timespec="milliseconds")[:_LOCAL] + "Z"
