"""Vectors of superjson: they are what the npm package says, and our codec agrees to the byte."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest

from chaingraph import superjson
from chaingraph.superjson import UNDEFINED, BigInt, Custom, JsError, SuperjsonError
from tests.wire.clients import Clients
from tests.wire.packages import PINNED

STORED = json.loads((Path(__file__).parents[1] / "data" / "superjson-vectors.json").read_text())
ENCODE = {vector["name"]: vector for vector in STORED["encode"]}
DECODE = {vector["name"]: vector for vector in STORED["decode"]}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MS = timedelta(milliseconds=1)
EVENT = Custom("ExecutionEventImpl", {"x": 1, "at": "1970-01-01T00:00:00.000Z"})

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

# Values that Python has no counterpart for: their envelopes are read, never written.
READ_ONLY: dict[str, Any] = {
    "invalid Date": {"d": None},
    "RegExp": "/a\\/b/gi",
    "RegExp nested": ["/./", "/\\n/u"],
    "URL": "https://x.y/z?q=1",
    "URL nested": ["https://x.y/"],
    "Set": {1, EPOCH},
    "empty Set and Map": {"s": set(), "m": {}},
    "nested Map in object": {"m": {"a": {"b": UNDEFINED}}},
    'Error allowErrorProps("code")': JsError("Error", "x"),
    "small typed arrays": [[1]] * 4,
    "large typed arrays": [[1]] * 3,
    "Float64Array with NaN": {"f": [1.5, None]},
    "symbol unregistered": {},
    "unregistered class instance": {"p": {"x": 1, "at": "1970-01-01T00:00:00.000Z"}},
    "dedupe": {"p": {"x": 1}, "q": {"x": 1}},
    "function": {},
    "toJSON object": {"v": 5},
}

REFUSED = {
    "Date far years",
    "Map",
    "Buffer",
    "symbol registered",
    "registered class",
    "shared at root (cycle)",
    "cycle and other",
}

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
    "tree form nested": {"m": {"k": EPOCH}},
    "numbers": [nan, -0.0, inf],
    "bigint": BigInt(-12),
    "set": {EPOCH},
    "map by numbers": {1: BigInt(2)},
    "Error": JsError("E", "m"),
    "Error with cause": JsError("E", "m", EPOCH),
    "Uint8Array": b"\x00\xff",
}

# JavaScript keeps what is undefined in an object, and who was the same object; we do not. A map
# with texts for keys is our object.
OTHERWISE_WRITTEN = {
    "undefined in object stays a key",
    "referentialEqualities with nulls",
    "tree form nested",
    "Error",
}


async def test_the_vectors_are_what_the_npm_package_says(clients: Clients) -> None:
    said = await clients.play("vectors", "all", "nowhere")
    assert (said["encode"], said["decode"]) == (STORED["encode"], STORED["decode"])
    assert said["superjson"] == STORED["superjson"] or clients.version != PINNED


def test_every_vector_is_accounted_for() -> None:
    groups: list[set[str]] = [set(ENCODED), set(REPEATED), set(READ_ONLY), REFUSED]
    assert set().union(*groups, THROWN_BY_JAVASCRIPT) == set(ENCODE)
    assert sum(map(len, groups)) + len(THROWN_BY_JAVASCRIPT) == len(ENCODE)
    assert {name for name in DECODE if "again" in DECODE[name]} == set(DECODED)


@pytest.mark.parametrize("name", ENCODED)
def test_a_value_is_written_to_the_byte_as_superjson_writes_it(name: str) -> None:
    assert superjson.encode(ENCODED[name]) == ENCODE[name]["serialized"]
    if name not in OTHERWISE_SPELT:
        assert superjson.dumps(ENCODED[name]).decode() == ENCODE[name]["text"]


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
    value = superjson.loads(text, customs=["ExecutionEventImpl"])
    if name in READ_ONLY:
        assert value == READ_ONLY[name]
    else:
        written = without_undefined({**ENCODED, **REPEATED}[name])
        assert superjson.dumps(value) == superjson.dumps(written)


def without_undefined(value: Any) -> Any:
    """As it is read: without undefined members of objects, while maps and arrays keep theirs."""
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {k: without_undefined(v) for k, v in value.items() if v is not UNDEFINED}
    return [without_undefined(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", DECODE)
def test_an_envelope_is_read_or_refused_as_superjson_does(name: str) -> None:
    text = json.dumps(DECODE[name]["payload"])
    if "throws" in DECODE[name]:
        with pytest.raises(SuperjsonError):
            superjson.loads(text)
        return
    for value in (superjson.loads(text), superjson.decode(json.loads(text))):
        assert superjson.dumps(value) == superjson.dumps(DECODED[name])
        assert type(value) is type(DECODED[name])


@pytest.mark.parametrize("name", sorted(set(DECODED) - OTHERWISE_WRITTEN))
def test_what_was_read_is_written_as_superjson_writes_it(name: str) -> None:
    value = superjson.loads(json.dumps(DECODE[name]["payload"]))
    assert superjson.encode(value) == DECODE[name]["again"]
