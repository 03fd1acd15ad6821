"""superjson: what JavaScript has and Python has not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from chaingraph import superjson
from chaingraph.superjson import (
    Custom,
    Instance,
    JsError,
    JsMap,
    MapRows,
    SetItems,
    SuperjsonError,
    Symbol,
    TypedArray,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def test_classes_and_symbols_are_read_only_when_known() -> None:
    value = {"p": Instance("P", {"at": EPOCH}), "s": Symbol("tag")}
    text = superjson.dumps(value)
    assert superjson.loads(text, classes={"P"}, symbols={"tag"}) == value
    for known in ({"classes": {"P"}}, {"symbols": {"tag"}}, {"customs": {"P", "tag"}}):
        with pytest.raises(SuperjsonError, match="Unknown transformation"):
            superjson.loads(text, **known)
    with pytest.raises(SuperjsonError, match="is no"):
        superjson.decode({"json": 1, "meta": {"values": [["class", "P"]]}}, classes={"P"})


@pytest.mark.parametrize(
    ("kind", "items", "kept"),
    [
        ("Float32Array", (0.1, 2**24 + 1), (0.10000000149011612, 2**24)),
        ("Uint16Array", [0, 65535], (0, 65535)),
    ],
)
def test_a_typed_array_holds_what_javascript_would(kind: str, items: Any, kept: Any) -> None:
    assert TypedArray(kind, items).items == kept


@pytest.mark.parametrize(
    ("kind", "items"),
    [
        ("Int8Array", (128,)),
        ("Int8Array", (0.5,)),
        ("Float64Array", ("1",)),
        ("Uint8Array", (1,)),
        ("BigInt64Array", (1,)),
        ("Nope", ()),
    ],
)
def test_a_typed_array_refuses_what_javascript_would_change(kind: str, items: Any) -> None:
    with pytest.raises(SuperjsonError):
        TypedArray(kind, items)


@pytest.mark.parametrize(
    ("kind", "read", "value"),
    [
        ("set", [1, "a"], {1, "a"}),
        ("set", [[1], [2]], {(1,), (2,)}),
        ("set", [1, True], SetItems((1, True))),
        ("set", [[1], {"a": 1}], SetItems(([1], {"a": 1}))),
        ("map", [[1, []], ["a", {}]], {1: [], "a": {}}),
        ("map", [["a", {}]], JsMap(a={})),
        ("map", [[1, "a"], [True, "b"]], MapRows(((1, "a"), (True, "b")))),
        ("map", [[{}, {}]], MapRows((({}, {}),))),
    ],
)
def test_sets_and_maps_are_those_of_python_where_nothing_is_lost(
    kind: str, read: Any, value: Any
) -> None:
    found = superjson.decode({"json": read, "meta": {"values": [kind], "v": 1}})
    assert (type(found), found) == (type(value), value)
    if not isinstance(found, set):
        assert superjson.encode(found)["json"] == read


def equal(value: Any, values: Any, equalities: Any) -> Any:
    meta = {"values": values, "referentialEqualities": equalities, "v": 1}
    return superjson.decode({"json": value, "meta": meta}, classes={"P"})


def test_what_is_repeated_inside_maps_and_sets_is_put_in_before_they_are_made() -> None:
    found = equal(
        {"p": "1970-01-01T00:00:00.000Z", "m": [[None, [None]]], "s": [None]},
        {"p": ["Date"], "m": ["map", {"0.1": ["set"]}], "s": ["set"]},
        {"p": ["m.0.0", "m.0.1.0", "s.0"]},
    )
    assert found == {"p": EPOCH, "m": {EPOCH: {EPOCH}}, "s": {EPOCH}}


def test_a_repeated_set_is_another_set_each_time() -> None:
    found = equal({"s": [1], "t": None}, {"s": ["set"]}, {"s": ["t"]})
    found["s"].add(2)
    assert found == {"s": {1, 2}, "t": {1}}


def test_nothing_is_repeated_into_errors_and_classes_as_in_javascript() -> None:
    found = equal(
        {"p": [1], "e": {"name": "E", "message": "", "cause": None}, "c": {"x": None}},
        {"e": ["Error"], "c": [["class", "P"]]},
        {"p": ["e.cause", "c.x"]},
    )
    assert found == {"p": [1], "e": JsError("E", "", None), "c": Instance("P", {"x": None})}


def test_what_is_annotated_inside_a_custom_value_is_read_beside_repeated_values() -> None:
    meta = {
        "values": {"c": [["custom", "X"], {"s": ["set"]}]},
        "referentialEqualities": {"p": ["c.q", "r"]},
        "v": 1,
    }
    envelope = {"json": {"p": [1], "c": {"s": [2], "q": None}, "r": None}, "meta": meta}
    found = superjson.decode(envelope, customs={"X"})
    assert found == {"p": [1], "c": Custom("X", {"s": {2}, "q": None}), "r": [1]}


def test_a_map_that_contains_itself_is_refused() -> None:
    with pytest.raises(SuperjsonError, match="contains itself"):
        equal({"m": [[1, None]]}, {"m": ["map"]}, {"m": ["m.0.1"]})
