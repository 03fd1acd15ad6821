"""What each annotation makes of the JSON that it stands on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from math import inf, nan
from typing import Any, Final, TypeAlias

from chaingraph.superjson.typed_arrays import TypedArray
from chaingraph.superjson.values import (
    UNDEFINED,
    BigInt,
    Custom,
    Instance,
    JsError,
    JsMap,
    Json,
    MapRows,
    RegExp,
    SetItems,
    SuperjsonError,
    Symbol,
    Url,
)

MAX_ALIKE: Final = 100
Known: TypeAlias = Mapping[str, Collection[str]]
"""What is registered: names by `custom`, `class` and `symbol`."""


def revive(kind: Json, value: Any, known: Known) -> Any:
    """The value that was transformed from `kind`. Raises SuperjsonError for what is not known."""
    if (made_of := _maker(kind, known)) is None:
        raise SuperjsonError(f"Unknown transformation: {str(kind)[:60]}")
    try:
        return made_of(value)
    except SuperjsonError:
        raise
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise SuperjsonError(f"{str(value)[:60]!r} is no {str(kind)[:60]}") from error


def _maker(kind: Json, known: Known) -> Callable[[Any], Any] | None:
    match kind:
        case str():
            return _REVIVE.get(kind)
        case ["typed-array", "Uint8Array"]:
            return _bytes
        case ["typed-array", str() as name]:
            return partial(_typed_array, name)
        case [str() as family, str() as name] if name in known.get(family, ()):
            return partial(_REGISTERED[family], name)
    return None


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


def _typed_array(name: str, value: Any) -> TypedArray:
    return TypedArray(name, tuple(0 if each is None else each for each in _items(value)))


def _set(value: Any) -> set[Any] | SetItems:
    items = _items(value)
    members = _hashable(map(_frozen, items))
    kept = set(members or ())
    return kept if len(kept) == len(items) else SetItems(tuple(items))


def _map(value: Any) -> dict[Any, Any] | MapRows:
    rows = [(key, item) for key, item in map(_items, _items(value))]
    keys = _hashable(_frozen(key) for key, _ in rows)
    kept = dict(zip(keys or (), (item for _, item in rows), strict=False))
    if len(kept) != len(rows):
        return MapRows(tuple(rows))
    return JsMap(kept) if all(isinstance(key, str) for key in kept) else kept


def _hashable(members: Iterable[Any]) -> list[Any] | None:
    """All of them, or None when one is not.

    Who knows how Python hashes numbers can choose many that are compared one by one.
    """
    found = list(members)
    try:
        alike = Counter(map(hash, found))
    except TypeError:
        return None
    if max(alike.values(), default=0) > MAX_ALIKE:
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


def _url(value: Any) -> Url:
    if not _ABSOLUTE.match(value):
        raise ValueError(value)
    return Url(value)


def _regexp(value: Any) -> RegExp:
    if (found := _LITERAL.fullmatch(value)) is None:
        raise ValueError(value)
    source, flags = found.groups()
    if len(set(flags)) < len(flags) or {"u", "v"}.issubset(flags):
        raise ValueError(value)
    return RegExp(source, "".join(sorted(flags)))


def _symbol(name: str, value: Any) -> Symbol:
    return Symbol(name, None if value is None else _text(value))


def _instance(name: str, value: Any) -> Instance:
    if not isinstance(value, dict):
        raise TypeError(value)
    return Instance(name, value)


_ABSOLUTE: Final = re.compile("[A-Za-z][A-Za-z0-9+.-]*:")
_LITERAL: Final = re.compile("/(.+)/([dgimsuvy]*)", re.DOTALL)
_NUMBERS: Final = {"NaN": nan, "Infinity": inf, "-Infinity": -inf, "-0": -0.0}
_REGISTERED: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "custom": Custom,
    "class": _instance,
    "symbol": _symbol,
}
_REVIVE: Final[Mapping[str, Callable[[Any], Any]]] = {
    "undefined": lambda _: UNDEFINED,
    "Date": _date,
    "number": _NUMBERS.__getitem__,
    "bigint": _bigint,
    "set": _set,
    "map": _map,
    "Error": _js_error,
    "URL": _url,
    "regexp": _regexp,
}
