"""From values to envelopes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from math import copysign, inf, isfinite
from typing import Any, Final, TypeAlias

import orjson

from chaingraph.superjson.plain import iso
from chaingraph.superjson.text import json_text
from chaingraph.superjson.typed_arrays import TypedArray
from chaingraph.superjson.values import (
    FORBIDDEN,
    UNDEFINED,
    BigInt,
    Custom,
    Envelope,
    Instance,
    JsError,
    JsMap,
    Json,
    MapRows,
    Prepared,
    RegExp,
    SetItems,
    SuperjsonError,
    Symbol,
    Undefined,
    Url,
)

Notes: TypeAlias = dict[str, list[Any]]
Apart: TypeAlias = tuple[Json, Any, Notes]
_ATOMS: Final = frozenset({str, int, bool, type(None)})
"""Types that are the same in JSON. Not their subclasses: BigInt is one."""
_TEXT: Final = frozenset({str})
_POSITION: Final = re.compile("0|[1-9][0-9]{0,8}")
_HEAD: Final = b'{"json":'
_META: Final = b'"meta":'


def encode(value: Any) -> Envelope:
    """The envelope of `value`, which may share parts with it.

    Raises SuperjsonError for a type that has no form here.
    """
    try:
        if _is_plain(value):
            return {"json": value}
        plain, kind, inner = _take_apart(value)
    except RecursionError as error:
        raise SuperjsonError("The value is nested too deeply") from error
    values = inner if kind is None else _tree(kind, inner)
    return {"json": plain, "meta": {"values": values, "v": 1}} if values else {"json": plain}


def prepare(value: Any) -> Prepared:
    """Encode `value` now; wherever the result stands in a value, it goes out as it is."""
    try:
        plain, kind, notes = _take_apart(value)
    except RecursionError as error:
        raise SuperjsonError("The value is nested too deeply") from error
    return Prepared(orjson.Fragment(json_text(plain)), kind, notes)


def verbatim(text: bytes, kind: Any = None, notes: Notes | None = None) -> Prepared:
    """JSON text that goes out as it is, with the type and the notes that belong to it."""
    return Prepared(orjson.Fragment(text), kind, notes or {})


def content(envelope: bytes) -> bytes | None:
    """The JSON in an envelope that `dumps` wrote, undecoded; None where it has annotations."""
    is_plain = envelope.startswith(_HEAD) and _META not in envelope
    return envelope[len(_HEAD) : -1] if is_plain else None


def dumps(value: Any) -> bytes:
    """The envelope of `value` as JSON text."""
    return json_text(encode(value))


def _is_plain(value: Any) -> bool:
    kind = type(value)
    if kind in _ATOMS:
        return True
    if kind is float:
        return _is_json_number(value)
    if kind is dict:
        return _TEXT.issuperset(map(type, value)) and all(map(_is_plain, value.values()))
    return kind is list and all(map(_is_plain, value))


def _is_json_number(value: float) -> bool:
    return isfinite(value) and (value != 0 or copysign(1, value) > 0)


def _take_apart(value: Any) -> Apart:
    """The JSON of `value`, the type it was transformed from if any, and notes on its inside."""
    kind = type(value)
    if kind in _ATOMS:
        return value, None, {}
    if (take_apart := _FORMS.get(kind)) is not None:
        return take_apart(value)
    for base, take_apart in _FORMS.items():
        if isinstance(value, base):
            return take_apart(value)
    if isinstance(value, str | int):
        return value, None, {}
    raise SuperjsonError(f"A value of type {kind.__name__} cannot be sent")


def _as_json(value: Any) -> Json:
    """As JSON.stringify would have it, but with the members of sets and maps."""
    return value if _is_plain(value) else _stringified(value)


def _stringified(value: Any) -> Json:
    match value:
        case dict() if not isinstance(value, JsMap) and all(isinstance(key, str) for key in value):
            members = value.items()
            return {key: _stringified(item) for key, item in members if item is not UNDEFINED}
        case list() | tuple() | set() | frozenset():
            return [_stringified(item) for item in value]
        case float():
            return (value or 0) if isfinite(value) else None
        case Custom():
            return _stringified(value.value)
    return _take_apart(value)[0]


def _take_dict_apart(value: dict[Any, Any]) -> Apart:
    if _TEXT.issuperset(map(type, value)) or all(isinstance(key, str) for key in value):
        return _take_members_apart(value)
    return _made_of(_take_items_apart(value.items()), "map")


def _take_members_apart(members: Mapping[str, Any]) -> Apart:
    plain: dict[str, Json] = {}
    notes: Notes = {}
    for key, item in members.items():
        if type(item) in _ATOMS:
            plain[key] = item
            continue
        plain[key], kind, inner = _take_apart(item)
        if kind is not None or inner:
            _note(notes, _escape(key), kind, inner)
    return plain, None, _in_order(notes) if len(notes) > 1 else notes


def _take_items_apart(items: Iterable[Any]) -> Apart:
    """Notes on items come before those on what is inside items, see `_in_order`."""
    plain: list[Json] = []
    notes: Notes = {}
    deeper: Notes = {}
    for position, item in enumerate(items):
        if type(item) in _ATOMS:
            plain.append(item)
            continue
        part, kind, inner = _take_apart(item)
        plain.append(part)
        if kind is not None or inner:
            _note(deeper if kind is None else notes, str(position), kind, inner)
    return plain, None, notes | deeper if deeper else notes


def _made_of(content: Apart, kind: Any) -> Apart:
    plain, _, inner = content
    return plain, kind, inner


def _note(notes: Notes, segment: str, kind: Any, inner: Notes) -> None:
    if kind is not None:
        notes[segment] = _tree(kind, inner)
        return
    for path, tree in inner.items():
        notes[f"{segment}.{path}"] = tree


def _in_order(notes: Notes) -> Notes:
    """As JavaScript keeps the members of an object: those whose names are positions first."""
    positions = [path for path in notes if path.isdecimal() and _POSITION.fullmatch(path)]
    if not positions:
        return notes
    return {path: notes[path] for path in (*sorted(positions, key=int), *notes)}


def _tree(kind: Any, inner: Notes) -> list[Any]:
    return [kind, inner] if inner else [kind]


def _escape(key: str) -> str:
    if key in FORBIDDEN:
        raise SuperjsonError(f"A key {key} can hold plain JSON only")
    return key.replace("\\", "\\\\").replace(".", "\\.")


def _number(value: float) -> Apart:
    if _is_json_number(value):
        return value, None, {}
    if value == 0:
        return "-0", "number", {}
    return {inf: "Infinity", -inf: "-Infinity"}.get(value, "NaN"), "number", {}


def _error_members(error: JsError) -> dict[str, Any]:
    members: dict[str, Any] = {"name": error.name, "message": error.message}
    return members if error.cause is UNDEFINED else {**members, "cause": error.cause}


_FORMS: Final[dict[type, Callable[[Any], Apart]]] = {
    BigInt: lambda value: (str(int(value)), "bigint", {}),
    float: _number,
    JsMap: lambda value: _made_of(_take_items_apart(value.items()), "map"),
    dict: _take_dict_apart,
    list: _take_items_apart,
    tuple: _take_items_apart,
    Prepared: lambda value: (value.text, value.kind, value.notes),
    datetime: lambda value: (iso(value), "Date", {}),
    Custom: lambda value: (_as_json(value.value), ["custom", value.name], {}),
    Undefined: lambda _: (None, "undefined", {}),
    set: lambda value: _made_of(_take_items_apart(value), "set"),
    frozenset: lambda value: _made_of(_take_items_apart(value), "set"),
    SetItems: lambda value: _made_of(_take_items_apart(value.items), "set"),
    MapRows: lambda value: _made_of(_take_items_apart(value.rows), "map"),
    bytes: lambda value: (list(value), ["typed-array", "Uint8Array"], {}),
    bytearray: lambda value: (list(value), ["typed-array", "Uint8Array"], {}),
    TypedArray: lambda value: (value.json, ["typed-array", value.kind], {}),
    JsError: lambda value: _made_of(_take_members_apart(_error_members(value)), "Error"),
    Url: lambda value: (value.text, "URL", {}),
    RegExp: lambda value: (str(value), "regexp", {}),
    Symbol: lambda value: (value.description, ["symbol", value.id], {}),
    Instance: lambda value: _made_of(_take_members_apart(value.members), ["class", value.name]),
}
"""How each type is written; a subclass as the first of these that it is one of."""
