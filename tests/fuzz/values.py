"""All that superjson can carry, as strategies, and when two such values are the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from chaingraph.superjson import UNDEFINED, BigInt, Custom, JsError

CUSTOMS = frozenset({"BaseNode"})


def canonical(value: Any) -> Any:
    """Equal for values that are the same: NaN is itself, -0.0 is not 0.0, and 1 is not True.

    A set is like a frozen one and a list like a tuple: Python needs both where JavaScript has one.
    """
    match value:
        case float():
            return "float", repr(value)
        case dict():
            return "dict", [(canonical(key), canonical(item)) for key, item in value.items()]
        case set() | frozenset():
            return "set", sorted(map(repr, map(canonical, value)))
        case list() | tuple():
            return "list", [canonical(item) for item in value]
        case JsError():
            return "error", value.name, value.message, canonical(value.cause)
        case Custom():
            return "custom", value.name, canonical(value.value)
    return type(value), value


def without_undefined(value: Any) -> Any:
    """What a reader gets: an undefined member of an object is none."""
    match value:
        case dict() if all(isinstance(key, str) for key in value):
            members = value.items()
            return {key: without_undefined(item) for key, item in members if item is not UNDEFINED}
        case dict():
            return {key: without_undefined(item) for key, item in value.items()}
        case list():
            return [without_undefined(item) for item in value]
        case JsError():
            return JsError(value.name, value.message, without_undefined(value.cause))
    return value


def _to_the_millisecond(moment: datetime) -> datetime:
    whole = moment.microsecond // 1000 * 1000
    return moment.replace(microsecond=whole, fold=0).astimezone(UTC)


zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
dates = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=zones)
texts = st.text(st.characters())
numbers = st.integers() | st.floats(allow_nan=False) | st.integers().map(BigInt)
hashable: SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | texts | st.binary() | dates.map(_to_the_millisecond),
    lambda inner: st.frozensets(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple),
    max_leaves=4,
)
names = st.text(st.sampled_from("ab.\\0é\ud800")) | st.text(max_size=3)


def _containers(inner: SearchStrategy[Any]) -> SearchStrategy[Any]:
    return (
        st.lists(inner, max_size=4)
        | st.dictionaries(names, inner, max_size=4)
        | st.dictionaries(hashable, inner, max_size=4)
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
