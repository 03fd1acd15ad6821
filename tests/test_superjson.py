"""superjson: the vectors of superjson 2.2.6 and the laws of our codec."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from math import copysign, inf, isnan, nan
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaingraph import superjson
from chaingraph.execution.records import Status
from chaingraph.superjson import UNDEFINED, BigInt, Custom, JsError, SuperjsonError, plain

VECTORS = json.loads((Path(__file__).parent / "data" / "superjson-vectors.json").read_text())
ENCODE = {vector["name"]: vector for vector in VECTORS["encode"]}
DECODE = {vector["name"]: vector for vector in VECTORS["decode"]}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
    "bigint": {"n": BigInt(10)},
    "NaN/Infinity/-0": [nan, inf, -inf, -0.0, 0],
    "Error": JsError("TypeError", "bad"),
    "Error with cause": JsError("Error", "a", EPOCH),
    "Error nested": {"e": JsError("Error", "x")},
    "Uint8Array": b"\x01\x02",
    "custom in array": [EVENT, EVENT],
    "custom at root": EVENT,
    "key with dot": {"a.b": EPOCH},
    "key with backslash": {"a\\b": EPOCH},
    "key with backslash dot": {"a\\.b": {"c": UNDEFINED}},
    "empty key": {"": EPOCH},
    "numeric keys": {"1": EPOCH},
    "null-prototype object": {"d": EPOCH},
    "lone surrogate": "\ud800",
    "two Infinity": [inf, inf],
}

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
    "URL": "https://x.y/z?q=1",
    "Set": {1, EPOCH},
    "nested Map in object": {"m": {"a": {"b": UNDEFINED}}},
    'Error allowErrorProps("code")': JsError("Error", "x"),
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


def test_every_encode_vector_is_accounted_for() -> None:
    groups: list[set[str]] = [set(ENCODED), set(REPEATED), set(READ_ONLY), REFUSED]
    assert set().union(*groups, THROWN_BY_JAVASCRIPT) == set(ENCODE)
    assert sum(map(len, groups)) + len(THROWN_BY_JAVASCRIPT) == len(ENCODE) == 49


@pytest.mark.parametrize("name", ENCODED)
def test_a_value_is_written_as_superjson_writes_it(name: str) -> None:
    expected = ENCODE[name]["serialized"]
    assert superjson.encode(ENCODED[name]) == expected
    assert json.loads(superjson.dumps(ENCODED[name])) == expected


@pytest.mark.parametrize("name", REPEATED)
def test_repeated_values_are_written_out_each_time(name: str) -> None:
    expected = dict(ENCODE[name]["serialized"])
    meta = {key: value for key, value in expected["meta"].items() if key == "values"}
    expected["meta"] = {**meta, "v": 1}
    if not meta:
        del expected["meta"]
    assert superjson.encode(REPEATED[name]) == expected


@pytest.mark.parametrize("name", [name for name in ENCODE if "serialized" in ENCODE[name]])
def test_what_superjson_writes_is_read(name: str) -> None:
    text = json.dumps(ENCODE[name]["serialized"])
    if name in REFUSED:
        with pytest.raises(SuperjsonError):
            superjson.loads(text)
        return
    value = superjson.loads(text, customs=["ExecutionEventImpl"])
    expected = READ_ONLY[name] if name in READ_ONLY else written(name)
    assert same(value, expected), value


def test_a_key_javascript_fears_may_hold_plain_json_and_nothing_else() -> None:
    assert superjson.encode({"constructor": 1}) == {"json": {"constructor": 1}}
    with pytest.raises(SuperjsonError):
        superjson.encode({"constructor": {"at": EPOCH}})


def test_maps_and_sets_note_their_inside_one_level_deeper() -> None:
    assert superjson.encode({1: EPOCH, ("k",): BigInt(2)}) == {
        "json": [[1, "1970-01-01T00:00:00.000Z"], [["k"], "2"]],
        "meta": {"values": ["map", {"0.1": ["Date"], "1.1": ["bigint"]}], "v": 1},
    }
    assert superjson.encode({"s": {EPOCH}}) == {
        "json": {"s": ["1970-01-01T00:00:00.000Z"]},
        "meta": {"values": {"s": ["set", {"0": ["Date"]}]}, "v": 1},
    }


DECODED: dict[str, Any] = {
    "no meta": {"a": 1},
    "json absent": UNDEFINED,
    "meta without v means legacy paths (backslash not an escape)": {"a\\b": EPOCH},
    "same with v:1 must escape": {"a\\b": EPOCH},
    "Date with offset string": datetime(2019, 12, 31, 22, tzinfo=UTC),
    "Date with number": EPOCH,
    "Date microseconds": datetime(2020, 1, 1, 0, 0, 0, 123000, tzinfo=UTC),
    "Date annotation on null": {"a": EPOCH},
    "path to nothing": {"a": 1},
    "meta null": 1,
    "undefined in object stays a key": {},
    "referentialEqualities with nulls": {"p": {"x": 1}, "q": {"x": 1}},
    "tree form nested": {"m": {"k": EPOCH}},
}


def test_every_decode_vector_is_accounted_for() -> None:
    refused = {name for name in DECODE if "throws" in DECODE[name]}
    assert refused | set(DECODED) == set(DECODE)
    assert len(DECODE) == 17


@pytest.mark.parametrize("name", DECODE)
def test_an_envelope_is_read_or_refused_as_superjson_does(name: str) -> None:
    text = json.dumps(DECODE[name]["payload"])
    if "throws" in DECODE[name]:
        with pytest.raises(SuperjsonError):
            superjson.loads(text)
    else:
        assert superjson.loads(text) == DECODED[name]
        assert superjson.decode(json.loads(text)) == DECODED[name]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("Date", "yesterday"),
        ("Date", "9999-12-31T23:59:59-01:00"),
        ("Date", 1e300),
        ("Date", True),
        ("Date", {"a": 1}),
        ("number", "5"),
        ("number", []),
        ("bigint", "1_0"),
        ("bigint", "9" * 5000),
        ("bigint", 3),
        ("set", "abc"),
        ("set", [[1]]),
        ("map", [[1]]),
        ("map", [[{}, 1]]),
        ("Error", "x"),
        ("Error", {"name": "E"}),
        ("URL", 1),
        ("class", 1),
        (["typed-array", "Uint8Array"], [256]),
        (["typed-array", "Uint8Array"], 5),
        (["custom"], 1),
        (["class", "P"], {}),
    ],
)
def test_an_annotation_that_does_not_fit_its_value_is_refused(kind: Any, value: Any) -> None:
    with pytest.raises(SuperjsonError):
        superjson.decode({"json": {"at": value}, "meta": {"values": {"at": [kind]}, "v": 1}})


@pytest.mark.parametrize(
    "envelope",
    [
        None,
        5,
        [],
        "x",
        {"json": 1, "meta": 5},
        {"json": 1, "meta": {"values": 5, "v": 1}},
        {"json": 1, "meta": {"values": [], "v": 1}},
        {"json": 1, "meta": {"values": [1], "v": 1}},
        {"json": 1, "meta": {"values": ["set", 5], "v": 1}},
        {"json": {"a": 1}, "meta": {"values": {"a.constructor": ["Date"]}, "v": 1}},
        {"json": {"a": None}, "meta": {"referentialEqualities": {"a": 5}, "v": 1}},
        {"json": {"a": None}, "meta": {"referentialEqualities": {"a": [5]}, "v": 1}},
        {"json": {"a": {"b": None}}, "meta": {"referentialEqualities": {"a": ["a.b"]}, "v": 1}},
    ],
)
def test_what_is_no_envelope_is_refused(envelope: Any) -> None:
    with pytest.raises(SuperjsonError):
        superjson.decode(envelope)


@pytest.mark.parametrize("text", ["{bad", "", '{"json":NaN}', '{"json":-Infinity}', "null", "[]"])
def test_text_that_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(SuperjsonError):
        superjson.loads(text)


@pytest.mark.parametrize("levels", [300, 20_000])
def test_deep_nesting_is_refused(levels: int) -> None:
    with pytest.raises(SuperjsonError):
        superjson.loads('{"json":' + "[" * levels + "]" * levels + "}")


def test_a_deep_or_cyclic_value_cannot_be_written() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(SuperjsonError):
        superjson.dumps(cycle)


def test_an_unknown_type_cannot_be_written() -> None:
    with pytest.raises(SuperjsonError, match="object"):
        superjson.encode({"a": object()})


def test_copies_that_double_at_every_step_are_refused() -> None:
    steps = 40
    tree = {f"a{i}": {"l": None, "r": None} for i in range(steps)}
    equal = {f"a{i}": [f"a{i + 1}.l", f"a{i + 1}.r"] for i in range(steps - 1)}
    with pytest.raises(SuperjsonError, match="too often"):
        superjson.decode({"json": tree, "meta": {"referentialEqualities": equal, "v": 1}})


def test_copies_of_one_value_are_independent() -> None:
    meta = {"referentialEqualities": {"p": ["q", "r.0", "gone.x"]}, "v": 1}
    value = superjson.decode({"json": {"p": [1], "q": None, "r": [None]}, "meta": meta})
    value["p"].append(2)
    assert value == {"p": [1, 2], "q": [1], "r": [[1]]}


def test_the_inside_of_a_custom_value_has_no_annotations() -> None:
    assert superjson.encode(Custom("BaseNode", {"at": EPOCH})) == {
        "json": {"at": "1970-01-01T00:00:00.000Z"},
        "meta": {"values": [["custom", "BaseNode"]], "v": 1},
    }


def test_a_custom_value_is_sent_as_it_is_and_read_only_when_known() -> None:
    text = superjson.dumps({"node": Custom("BaseNode", {"id": "n"})})
    assert json.loads(text)["meta"]["values"] == {"node": [["custom", "BaseNode"]]}
    assert superjson.loads(text, customs={"BaseNode"}) == {"node": Custom("BaseNode", {"id": "n"})}
    with pytest.raises(SuperjsonError):
        superjson.loads(text)


@pytest.mark.parametrize(
    "value",
    [2**53 + 1, -(2**63), 2**64, 10**30, "\ud800 \N{SNOWMAN}", 0.1, {"a" * 300: [[]]}],
)
def test_what_fits_no_machine_word_keeps_its_exact_value(value: Any) -> None:
    assert superjson.loads(superjson.dumps(value)) == value


def test_milliseconds_are_cut_and_the_zone_becomes_utc() -> None:
    zone = timezone(timedelta(hours=2))
    moment = datetime(2026, 1, 1, 1, 0, 0, 999_999, tzinfo=zone)
    assert superjson.encode(moment)["json"] == "2025-12-31T23:00:00.999Z"
    assert superjson.encode(datetime(9, 1, 1))["json"] == "0009-01-01T00:00:00.000Z"
    with pytest.raises(SuperjsonError):
        superjson.encode(datetime(1, 1, 1, tzinfo=zone))


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.integers().map(BigInt)
    | st.binary()
    | st.datetimes(min_value=datetime(2, 1, 1), timezones=st.sampled_from([UTC])).map(
        lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    )
)
keys = st.text(st.sampled_from("ab.\\0é")) | st.text(max_size=3)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(keys, inner, max_size=4)
        | st.dictionaries(st.integers(), inner, min_size=1, max_size=4)
        | st.sets(st.integers() | st.text(max_size=3), max_size=4)
        | st.builds(JsError, st.text(), st.text(), inner)
        | st.builds(Custom, st.just("BaseNode"), st.dictionaries(keys, st.integers()))
    ),
    max_leaves=20,
)


@given(values)
def test_what_is_written_is_read_back(value: Any) -> None:
    known = {"BaseNode"}
    assert same(superjson.loads(superjson.dumps(value), customs=known), value)
    through_text = json.loads(json.dumps(superjson.encode(value)))
    assert same(superjson.decode(through_text, customs=known), value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(0.5, 1e300) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
)


@given(json_values)
def test_plain_json_needs_no_annotations(value: Any) -> None:
    assert superjson.encode(value) == {"json": value}


@given(json_values, json_values)
def test_a_stranger_gets_a_value_or_a_superjson_error(value: Any, values: Any) -> None:
    meta: dict[str, Any] = {"values": values, "referentialEqualities": values, "v": 1}
    with suppress(SuperjsonError):
        superjson.decode({"json": value, "meta": meta})


def same(left: Any, right: Any) -> bool:
    """Equal, of the same types, with NaN equal to itself and -0.0 different from 0.0."""
    if isinstance(left, float) and isinstance(right, float):
        return isnan(left) == isnan(right) and (
            isnan(left) or (left == right and copysign(1, left) == copysign(1, right))
        )
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and bool(left == right)


def written(name: str) -> Any:
    return without_undefined({**ENCODED, **REPEATED}[name])


def without_undefined(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_undefined(v) for k, v in value.items() if v is not UNDEFINED}
    return [without_undefined(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("value", [{}, {"a": [1, {"b": None}]}, 'a "meta": b', 0.5, "ü"])
def test_the_content_of_a_plain_envelope_is_passed_on_undecoded(value: Any) -> None:
    passed = superjson.content(superjson.dumps(value))
    assert passed is not None
    assert superjson.dumps({"x": superjson.verbatim(passed)}) == superjson.dumps({"x": value})


@pytest.mark.parametrize("value", [EPOCH, {"meta": 1}, [nan]])
def test_content_that_may_have_annotations_has_to_be_decoded(value: Any) -> None:
    assert superjson.content(superjson.dumps(value)) is None


class Text(str):
    __slots__ = ()


class Moment(datetime):
    pass


class Keyed(dict[Any, Any]):
    pass


@pytest.mark.parametrize(
    ("value", "like"),
    [
        (Text("a"), "a"),
        (Moment(1970, 1, 1), EPOCH),
        (Keyed(a=EPOCH), {"a": EPOCH}),
        (Keyed({1: 2}), {1: 2}),
        ({Text("a"): EPOCH}, {"a": EPOCH}),
    ],
)
def test_a_subclass_is_written_as_its_base(value: Any, like: Any) -> None:
    assert superjson.encode(value) == superjson.encode(like)


NOON = datetime(2026, 1, 2, 12, 0, 0, 5_000, UTC)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (NOON, "2026-01-02T12:00:00.005Z"),
        (NOON.astimezone(timezone(timedelta(hours=2))), "2026-01-02T12:00:00.005Z"),
        (Custom("BaseNode", {"at": NOON}), {"at": "2026-01-02T12:00:00.005Z"}),
        (JsError("TypeError", "no"), {"name": "TypeError", "message": "no"}),
        ({"a": UNDEFINED, "b": [UNDEFINED]}, {"b": [None]}),
        ([float("nan"), float("inf"), 0.5], [None, None, 0.5]),
        (BigInt(2**70), 2**70),
        ({1: "a"}, [[1, "a"]]),
        ({"x"}, ["x"]),
        (b"\x01\x02", [1, 2]),
        (Status.RUNNING, "running"),
        (True, True),
    ],
)
def test_values_become_what_javascript_would_write(value: Any, written: Any) -> None:
    assert plain(value) == written
    assert type(plain(value)) is type(written) or isinstance(value, BigInt)
