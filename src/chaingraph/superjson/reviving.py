"""What each annotation makes of the JSON that it stands on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime, timedelta
from math import inf, nan
from typing import Any, Final

from chaingraph.superjson.values import (
    UNDEFINED,
    BigInt,
    Custom,
    JsError,
    Json,
    SuperjsonError,
)

MAX_ALIKE: Final = 100


def revive(kind: Json, value: Any, customs: Collection[str]) -> Any:
    """The value that was transformed from `kind`; only custom types in `customs` are known."""
    match kind:
        case str() if kind in _REVIVE:
            try:
                return _REVIVE[kind](value)
            except SuperjsonError:
                raise
            except (ArithmeticError, LookupError, TypeError, ValueError) as error:
                raise SuperjsonError(f"{str(value)[:60]!r} is no {kind}") from error
        case ["typed-array", "Uint8Array"]:
            return _bytes(value)
        case ["typed-array", str() as name] if name in _TYPED_ARRAYS:
            return value
        case ["custom", str() as name] if name in customs:
            return Custom(name, value)
    raise SuperjsonError(f"Unknown transformation: {str(kind)[:60]}")


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,4000}")


def _date(value: Any) -> datetime:
    if value is None:
        return _EPOCH
    if isinstance(value, str):
        moment = datetime.fromisoformat(value)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    if isinstance(value, bool):
        raise TypeError(value)
    return _EPOCH + timedelta(milliseconds=int(value))


def _bigint(value: Any) -> BigInt:
    if not _INTEGER.fullmatch(value):
        raise ValueError(value)
    return BigInt(value)


def _bytes(value: Any) -> bytes:
    try:
        return bytes(list(value))
    except (TypeError, ValueError) as error:
        raise SuperjsonError("Not an array of bytes") from error


def _set(value: Any) -> set[Any]:
    return set(_distinct(_frozen(item) for item in _items(value)))


def _map(value: Any) -> dict[Any, Any]:
    rows = [_items(row) for row in _items(value)]
    keys = _distinct(_frozen(key) for key, _ in rows)
    return {key: item for key, (_, item) in zip(keys, rows, strict=True)}


def _distinct(keys: Iterable[Any]) -> list[Any]:
    """Who knows how Python hashes numbers can choose many that are compared one by one."""
    found = list(keys)
    if max(Counter(map(hash, found)).values(), default=0) > MAX_ALIKE:
        raise SuperjsonError("Too many members of a set or map are alike")
    return found


def _frozen(value: Any) -> Any:
    """As members of sets and keys of maps are in Python, which cannot change."""
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    return frozenset(value) if isinstance(value, set) else value


def _items(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(value)
    return value


def _js_error(value: Any) -> JsError:
    return JsError(_text(value["name"]), _text(value["message"]), value.get("cause", UNDEFINED))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


_NUMBERS: Final = {"NaN": nan, "Infinity": inf, "-Infinity": -inf, "-0": -0.0}
_ELEMENTS = ("Int8", "Uint8Clamped", "Int16", "Uint16", "Int32", "Uint32", "Float32", "Float64")
_TYPED_ARRAYS: Final = frozenset(f"{element}Array" for element in _ELEMENTS)
_REVIVE: Final[dict[str, Callable[[Any], Any]]] = {
    "undefined": lambda _: UNDEFINED,
    "Date": _date,
    "number": _NUMBERS.__getitem__,
    "bigint": _bigint,
    "set": _set,
    "map": _map,
    "Error": _js_error,
    "URL": _text,
    "regexp": _text,
}
