"""Vectors of superjson: they are what the npm package says, and our codec agrees to the byte."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest

from chaingraph import superjson
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
    SuperjsonError,
    Symbol,
    TypedArray,
    Url,
)
from tests.wire.clients import Clients
from tests.wire.packages import PINNED

STORED = json.loads((Path(__file__).parents[1] / "data" / "superjson-vectors.json").read_text())
ENCODE = {vector["name"]: vector for vector in STORED["encode"]}
DECODE = {vector["name"]: vector for vector in STORED["decode"]}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MS = timedelta(milliseconds=1)
EVENT = Custom("ExecutionEventImpl", {"x": 1, "at": "1970-01-01T00:00:00.000Z"})
POINT = Instance("P", {"x": 1, "at": EPOCH})
TAG = Symbol("tag", "tag")
KNOWN: dict[str, Any] = {
    "customs": ["ExecutionEventImpl"],
    "classes": ["P"],
    "symbols": ["tag"],
}

ENCODED: dict[str, Any] = {
    "undefined at root": UNDEFINED,
    "null at root": None,
    "plain": {"a": 1, "b": "x", "c": [True, None]},
    "undefined in object": {"a": UNDEFINED},
    "undefined in array": [1, UNDEFINED],
    "hole in array": [1, None, 3],
    "Date": EPOCH,
    "Date nested": {"a": {"b": [EPOCH]}},
    "Date with milliseconds": [EPOCH + MS, EPOCH - MS, datetime(1, 1, 1, tzinfo=UTC) + 10 * MS],
    "bigint": {"n": BigInt(10)},
    "bigints": [BigInt(0), BigInt(-1), BigInt(2**70)],
    "NaN/Infinity/-0": [nan, inf, -inf, -0.0, 0],
    "number at root": -0.0,
    "integers": [1, -1, 2**31, 2**53 - 1, 1 - 2**53],
    "fractions": [0.1, -2.5, 0.001],
    "exponents": [1e-7, 1e21, 1.7976931348623157e308],
    "Set of one": {"s": {EPOCH}},
    "Set of Set": {frozenset({BigInt(1)})},
    "Map by numbers": {1: EPOCH, 2: UNDEFINED},
    "Map by values": {BigInt(1): {"a.b": [{1}]}, EPOCH: None},
    "Error": JsError("TypeError", "bad"),
    "Error with cause": JsError("Error", "a", EPOCH),
    "Error with Error as cause": JsError("Error", "a", JsError("RangeError", "b", BigInt(1))),
    "Error nested": {"e": JsError("Error", "x")},
    "Uint8Array": b"\x01\x02",
    "Uint8Array nested": {"b": [b"\x00\xff", b""]},
    "custom in array": [EVENT, EVENT],
    "custom at root": EVENT,
    "custom in Map": {1: EVENT},
    "key with dot": {"a.b": EPOCH},
    "key with backslash": {"a\\b": EPOCH},
    "key with backslash dot": {"a\\.b": {"c": UNDEFINED}},
    "keys of dots and backslashes": {".": BigInt(1), "..": BigInt(2), "\\": {"\\": BigInt(3)}},
    "empty key": {"": EPOCH},
    "empty keys": {"": {"": EPOCH}},
    "numeric keys": {"1": EPOCH},
    "null-prototype object": {"d": EPOCH},
    "lone surrogate": "\ud800",
    "text": '"\\/\b\f\n\r\t\x00\x1f\x7f\u2028 é \N{GRINNING FACE}',
    "two Infinity": [inf, inf],
    "RegExp": RegExp("a\\/b", "gi"),
    "RegExp nested": [RegExp("."), RegExp("\\n", "u")],
    "RegExps": [
        RegExp("(?:)"),
        RegExp("\\/[/]\\n"),
        RegExp("\\/", "dgimsuy"),
        RegExp("é\\p{L}", "v"),
    ],
    "URL": Url("https://x.y/z?q=1"),
    "URL nested": [Url("https://x.y/")],
    "URLs": [Url("https://u:p@x.y/%C3%A4?q#f"), Url("mailto:a@b.c"), Url("data:,x")],
    "small typed arrays": [
        TypedArray(f"{kind}Array", (1,)) for kind in ("Int8", "Uint8Clamped", "Int16", "Uint16")
    ],
    "large typed arrays": [
        TypedArray(f"{kind}Array", (1,)) for kind in ("Int32", "Uint32", "Float32")
    ],
    "empty typed array": [TypedArray("Float64Array", ()), TypedArray("Int16Array", ())],
    "elements of typed arrays": {
        "a": TypedArray("Int8Array", (-128, 127)),
        "b": TypedArray("Uint8ClampedArray", (255, 0)),
        "c": TypedArray("Int32Array", (-1,)),
        "d": TypedArray("Uint32Array", (2**32 - 1,)),
    },
    "empty Set and Map": {"s": set(), "m": JsMap()},
    "Map of nothing": JsMap(),
    "Set of objects": SetItems(({"b": 1}, {"a": EPOCH}, [{"c": BigInt(2)}])),
    "Set of alike": SetItems((1, True, BigInt(1), "1")),
    "Set of equal Dates": SetItems((EPOCH, EPOCH, EPOCH + MS)),
    "Set of one of each": [
        {RegExp("a", "g")},
        {Url("https://x.y/")},
        {TypedArray("Int8Array", (1,))},
        {UNDEFINED},
    ],
    "Map": MapRows((("k", EPOCH), ({"x": 1}, BigInt(2)))),
    "Map by objects": MapRows(
        (({"at": EPOCH}, BigInt(1)), ({}, MapRows((([{}], None),)))),
    ),
    "Map by alike": MapRows(((1, "a"), (True, "b"), (BigInt(1), "c"))),
    "Map by texts": {"m": JsMap({"a.b": EPOCH, "constructor": RegExp("x")})},
    "Map by one of each": [
        {RegExp("a", "g"): 1},
        {Url("https://x.y/"): 1},
        {TypedArray("Int8Array", (1,)): 1},
        {None: 1},
    ],
    "nested Map in object": {"m": JsMap(a=JsMap(b=UNDEFINED))},
    "registered class": {"p": POINT},
    "class at root": POINT,
    "class in Map and Set": {"m": MapRows(((POINT, 1),)), "s": SetItems((POINT,))},
    "symbol registered": {"s": TAG},
    "symbol at root": TAG,
    "symbol in containers": [TAG, {TAG}, {TAG: TAG}],
    "undefined in containers": [[UNDEFINED], {UNDEFINED}, {UNDEFINED: UNDEFINED}],
}

# Written so, and read as what is left of it: null is 0 in a typed array, JSON is no Date.
LOSSY: dict[str, Any] = {
    "Float64Array with NaN": {"f": TypedArray("Float64Array", (1.5, nan))},
    "elements of Float32Array": TypedArray("Float32Array", (0.1, -0.0, 1.5, 2**24 + 1, nan, inf)),
    "elements of Float64Array": TypedArray("Float64Array", (0.1, -0.0, 1, 2**53, 1e-7, -inf)),
    "Set of Set of objects": {"s": SetItems((SetItems(({"a": UNDEFINED},)), set()))},
    "custom of what JSON has not": Custom(
        "ExecutionEventImpl",
        {
            "a": nan,
            "b": [-0.0, UNDEFINED, inf],
            "c": UNDEFINED,
            "d": EPOCH,
            "e": Url("https://x.y/"),
        },
    ),
}

# 1e21 is 1e+21 in JavaScript: another text of the same number.
OTHERWISE_SPELT = {"exponents"}

# superjson also says which values were the same object; the JSON repeats them, so we need not.
REPEATED: dict[str, Any] = {
    "shared object": {"p": {"x": 1}, "q": {"x": 1}, "r": [{"x": 1}]},
    "shared Date": {"p": EPOCH, "q": EPOCH},
    "shared bigint": {"p": BigInt(1), "q": BigInt(1)},
    "two NaN": [nan, nan],
}

# What is written has lost something, or Python has no order for it: it is read, not written so.
READ_ONLY: dict[str, Any] = {
    "invalid Date": {"d": None},
    "Set": {1, EPOCH},
    'Error allowErrorProps("code")': JsError("Error", "x"),
    "Float64Array with NaN": {"f": TypedArray("Float64Array", (1.5, 0))},
    "elements of Float32Array": TypedArray("Float32Array", (0.1, 0, 1.5, 2**24, 0, 0)),
    "elements of Float64Array": TypedArray("Float64Array", (0.1, 0, 1, 2**53, 1e-7, 0)),
    "Set of Set of objects": {"s": SetItems((SetItems(({},)), set()))},
    "custom of what JSON has not": Custom(
        "ExecutionEventImpl",
        {
            "a": None,
            "b": [0, None, None],
            "d": "1970-01-01T00:00:00.000Z",
            "e": "https://x.y/",
        },
    ),
    "symbol unregistered": {},
    "unregistered class instance": {"p": {"x": 1, "at": "1970-01-01T00:00:00.000Z"}},
    "dedupe": {"p": {"x": 1}, "q": {"x": 1}},
    "dedupe in containers": {
        "p": {"x": 1},
        "m": MapRows(((1, {"x": 1}), ({"x": 1}, 2))),
        "s": SetItems(({"x": 1},)),
        "e": JsError("Error", "x", None),
    },
    "function": {},
    "toJSON object": {"v": 5},
}

REFUSED = {"Date far years", "Buffer", "shared at root (cycle)", "cycle and other"}

THROWN_BY_JAVASCRIPT = {"BigInt64Array", "proto key"}

DECODED: dict[str, Any] = {
    "no meta": {"a": 1},
    "json absent": UNDEFINED,
    "legacy path": {"a\\b": EPOCH},
    "v:1 with escape": {"a\\b": EPOCH},
    "Date with offset string": datetime(2019, 12, 31, 22, tzinfo=UTC),
    "Date with number": EPOCH,
    "Date microseconds": datetime(2020, 1, 1, 0, 0, 0, 123000, tzinfo=UTC),
    "Date annotation on null": {"a": EPOCH},
    "path to nothing": {"a": 1},
    "meta null": 1,
    "undefined in object stays a key": {},
    "undefined in array": [UNDEFINED],
    "referentialEqualities with nulls": {"p": {"x": 1}, "q": {"x": 1}},
    "tree form nested": {"m": JsMap({"k": EPOCH})},
    "numbers": [nan, -0.0, inf],
    "bigint": BigInt(-12),
    "set": {EPOCH},
    "map by numbers": {1: BigInt(2)},
    "Error": JsError("E", "m"),
    "Error with cause": JsError("E", "m", EPOCH),
    "Uint8Array": b"\x00\xff",
    "RegExp": RegExp("a\\/b", "gi"),
    "RegExp with flags in disorder": RegExp("a", "gy"),
    "URL": Url("https://x.y/z?q=1"),
    "typed arrays": [TypedArray("Int8Array", (-1, 1)), TypedArray("Int32Array", (70000,))],
    "Float32Array": TypedArray("Float32Array", (0.1, 0, 3)),
    "Float64Array": TypedArray("Float64Array", (0.1, 0, 3)),
    "set of objects": SetItems(({"a": EPOCH}, 1)),
    "map by objects": MapRows((({"a": EPOCH}, BigInt(1)),)),
    "map by texts": JsMap(a=EPOCH),
    "class": {"p": POINT},
    "symbol": [TAG],
    "repeated in Map": {"p": {"x": 1}, "m": {1: {"x": 1}}},
    "repeated as key of Map": {"p": {"x": 1}, "m": MapRows((({"x": 1}, 1),))},
    "repeated in Set": {"p": {"x": 1}, "s": SetItems(({"x": 1},))},
    "repeated in Error": {"p": {"x": 1}, "e": JsError("E", "m", None)},
    "repeated in class": {"p": {"x": 1}, "c": Instance("P", {"x": None})},
    "repeated Map": {"p": {"x": 1}, "m": {EPOCH: 1}, "n": SetItems(({EPOCH: 1},))},
    "repeated out of Map": {"p": {"x": 1}, "m": {1: {"x": EPOCH}}, "q": {"x": EPOCH}},
    "repeated out of Error": {"p": {"x": 1}, "e": JsError("E", "m", [1]), "q": [1]},
}

# JavaScript keeps what is undefined in an object, and who was the same object; we do not.
REPEATING = {
    name
    for name in DECODE
    if "referentialEqualities" in (DECODE[name]["payload"].get("meta") or {})
}
OTHERWISE_WRITTEN = {"undefined in object stays a key", "Error"} | REPEATING


async def test_the_vectors_are_what_the_npm_package_says(clients: Clients) -> None:
    said = await clients.play("vectors", "all", "nowhere")
    assert (said["encode"], said["decode"]) == (STORED["encode"], STORED["decode"])
    assert said["superjson"] == STORED["superjson"] or clients.version != PINNED


def test_every_vector_is_accounted_for() -> None:
    groups: list[set[str]] = [set(ENCODED), set(REPEATED), set(READ_ONLY), REFUSED]
    assert set(LOSSY) <= set(READ_ONLY)
    assert set().union(*groups, THROWN_BY_JAVASCRIPT) == set(ENCODE)
    assert sum(map(len, groups)) + len(THROWN_BY_JAVASCRIPT) == len(ENCODE)
    assert {name for name in DECODE if "again" in DECODE[name]} == set(DECODED)


@pytest.mark.parametrize("name", [*ENCODED, *LOSSY])
def test_a_value_is_written_to_the_byte_as_superjson_writes_it(name: str) -> None:
    value = {**ENCODED, **LOSSY}[name]
    assert superjson.encode(value) == ENCODE[name]["serialized"]
    if name not in OTHERWISE_SPELT:
        assert superjson.dumps(value).decode() == ENCODE[name]["text"]


@pytest.mark.parametrize("name", REPEATED)
def test_repeated_values_are_written_out_each_time(name: str) -> None:
    expected = dict(ENCODE[name]["serialized"])
    meta = {key: value for key, value in expected["meta"].items() if key == "values"}
    expected["meta"] = {**meta, "v": 1}
    if not meta:
        del expected["meta"]
    assert superjson.encode(REPEATED[name]) == expected


@pytest.mark.parametrize("name", [name for name in ENCODE if "text" in ENCODE[name]])
def test_what_superjson_writes_is_read(name: str) -> None:
    text = ENCODE[name]["text"]
    if name in REFUSED:
        with pytest.raises(SuperjsonError):
            superjson.loads(text)
        return
    value = superjson.loads(text, **KNOWN)
    if name in READ_ONLY:
        assert value == READ_ONLY[name]
    else:
        written = without_undefined({**ENCODED, **REPEATED}[name])
        assert superjson.dumps(value) == superjson.dumps(written)


def without_undefined(value: Any) -> Any:
    """As it is read: without undefined members of objects, while maps and arrays keep theirs."""
    if type(value) is dict and all(isinstance(key, str) for key in value):
        return {k: without_undefined(v) for k, v in value.items() if v is not UNDEFINED}
    return [without_undefined(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", DECODE)
def test_an_envelope_is_read_or_refused_as_superjson_does(name: str) -> None:
    text = json.dumps(DECODE[name]["payload"])
    if "throws" in DECODE[name]:
        with pytest.raises(SuperjsonError):
            superjson.loads(text, **KNOWN)
        return
    for value in (superjson.loads(text, **KNOWN), superjson.decode(json.loads(text), **KNOWN)):
        assert superjson.dumps(value) == superjson.dumps(DECODED[name])
        assert type(value) is type(DECODED[name])


@pytest.mark.parametrize("name", sorted(set(DECODED) - OTHERWISE_WRITTEN))
def test_what_was_read_is_written_as_superjson_writes_it(name: str) -> None:
    value = superjson.loads(json.dumps(DECODE[name]["payload"]), **KNOWN)
    assert superjson.encode(value) == DECODE[name]["again"]
