"""All that superjson can carry, as strategies, and when two such values are the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from chaingraph.superjson import (
    UNDEFINED,
    BigInt,
    Custom,
    Instance,
    JsError,
    JsMap,
    MapRows,
    RegExp,
    SetItems,
    Symbol,
    TypedArray,
    Url,
)
from chaingraph.superjson.typed_arrays import TYPECODES

KNOWN: dict[str, Any] = {"customs": {"BaseNode"}, "classes": {"Point"}, "symbols": {"tag"}}


def canonical(value: Any) -> Any:
    """Equal for values that are the same: NaN is itself, -0.0 is not 0.0, and 1 is not True.

    A set is like a frozen one and a list like a tuple: Python needs both where JavaScript has one.
    """
    match value:
        case float():
            return "float", repr(value)
        case dict():
            rows = [(canonical(key), canonical(item)) for key, item in value.items()]
            return type(value).__name__, rows
        case set() | frozenset():
            return "set", sorted(map(repr, map(canonical, value)))
        case list() | tuple():
            return "list", [canonical(item) for item in value]
        case JsError():
            return "error", value.name, value.message, canonical(value.cause)
        case Custom():
            return "custom", value.name, canonical(value.value)
        case Instance():
            return "class", value.name, canonical(dict(value.members))
        case SetItems():
            return "SetItems", [canonical(item) for item in value.items]
        case MapRows():
            return "MapRows", [canonical(row) for row in value.rows]
    return type(value), value


def without_undefined(value: Any) -> Any:
    """What a reader gets: an undefined member of an object is none."""
    match value:
        case JsMap():
            return JsMap({key: without_undefined(item) for key, item in value.items()})
        case dict() if all(isinstance(key, str) for key in value):
            members = value.items()
            return {key: without_undefined(item) for key, item in members if item is not UNDEFINED}
        case dict():
            return {key: without_undefined(item) for key, item in value.items()}
        case list():
            return [without_undefined(item) for item in value]
        case JsError():
            return JsError(value.name, value.message, without_undefined(value.cause))
        case Instance():
            return Instance(value.name, without_undefined(value.members))
        case SetItems():
            return SetItems(tuple(without_undefined(list(value.items))))
        case MapRows():
            rows = without_undefined([list(row) for row in value.rows])
            return MapRows(tuple((key, item) for key, item in rows))
    return value


def _to_the_millisecond(moment: datetime) -> datetime:
    whole = moment.microsecond // 1000 * 1000
    return moment.replace(microsecond=whole, fold=0).astimezone(UTC)


zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
dates = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=zones)
texts = st.text(st.characters())
numbers = st.integers() | st.floats(allow_nan=False) | st.integers().map(BigInt)
urls = st.text(st.sampled_from("ab./é?#")).map(lambda rest: Url(f"https:{rest}"))
regexps = st.builds(RegExp, st.text(min_size=1), st.sampled_from(["", "g", "dgimsuy", "v"]))
floats = st.sampled_from(["Float32Array", "Float64Array"])
kinds = st.sampled_from([kind for kind in TYPECODES if not kind.startswith("Float")])
typed_arrays = st.builds(TypedArray, kinds, st.lists(st.integers(0, 127))) | st.builds(
    TypedArray, floats, st.lists(st.floats(0.5, width=32, allow_infinity=False))
)
of_javascript = urls | regexps | typed_arrays | st.builds(Symbol, st.just("tag"), texts)
hashable: SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | numbers
    | texts
    | st.binary()
    | dates.map(_to_the_millisecond)
    | of_javascript,
    lambda inner: st.frozensets(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple),
    max_leaves=4,
)
names = st.text(st.sampled_from("ab.\\0é\ud800")) | st.text(max_size=3)


def _items(inner: SearchStrategy[Any]) -> SearchStrategy[Any]:
    """Of a set that Python has not: one of them, at least, cannot be hashed."""
    return st.lists(inner, max_size=3).map(lambda items: ({"a": 1}, *items))


def _containers(inner: SearchStrategy[Any]) -> SearchStrategy[Any]:
    return (
        st.lists(inner, max_size=4)
        | st.dictionaries(names, inner, max_size=4)
        | st.dictionaries(hashable, inner, max_size=4)
        | st.dictionaries(texts, inner, max_size=3).map(JsMap)
        | st.dictionaries(names, inner, max_size=3).map(lambda each: Instance("Point", each))
        | st.builds(SetItems, _items(inner))
        | st.builds(
            MapRows, _items(inner).map(lambda keys: tuple((key, list(keys)) for key in keys))
        )
        | st.sets(hashable, max_size=4)
        | st.builds(JsError, texts, texts, inner)
    )


values: SearchStrategy[Any] = st.recursive(
    hashable.filter(lambda value: not isinstance(value, tuple | frozenset))
    | st.just(float("nan"))
    | st.just(UNDEFINED)
    | st.builds(Custom, st.just("BaseNode"), st.dictionaries(names, st.integers() | texts)),
    _containers,
    max_leaves=20,
)

json_values: SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(0.5, 1e300) | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(names, inner, max_size=5),
    max_leaves=20,
)
