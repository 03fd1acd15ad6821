"""superjson: the laws of our codec."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from math import nan
from typing import Any

import pytest

from chaingraph import superjson
from chaingraph.execution.records import Status
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
    plain,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
        ("map", [[1]]),
        ("map", ["ab"]),
        ("map", {"a": 1}),
        ("Error", "x"),
        ("Error", {"name": "E"}),
        ("Error", {"name": "E", "message": {}}),
        ("URL", 1),
        ("URL", "x.y/z"),
        ("regexp", 1),
        ("regexp", "a"),
        ("regexp", "//"),
        ("regexp", "/a/x"),
        ("regexp", "/a/gg"),
        ("regexp", "/a/uv"),
        ("class", 1),
        (["typed-array", "Uint8Array"], [256]),
        (["typed-array", "Uint8Array"], 5),
        (["typed-array", "Int8Array"], [128]),
        (["typed-array", "Int8Array"], [0.5]),
        (["typed-array", "Int8Array"], ["1"]),
        (["typed-array", "Uint32Array"], [-1]),
        (["typed-array", "Float64Array"], [10**400]),
        (["typed-array", "Float64Array"], "12"),
        (["typed-array", "BigInt64Array"], ["1"]),
        (["custom"], 1),
        (["class", "P"], {}),
        (["symbol", "tag"], "tag"),
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


def test_what_is_no_json_is_null_inside_a_custom_value() -> None:
    content = {"n": [nan, -0.0], "u": UNDEFINED, "s": {nan}, "i": BigInt(2**70)}
    assert superjson.dumps(Custom("X", content)) == (
        b'{"json":{"n":[null,0],"s":[null],"i":"1180591620717411303424"},'
        b'"meta":{"values":[["custom","X"]],"v":1}}'
    )


def test_members_with_positions_for_names_are_noted_first_as_in_javascript() -> None:
    noted = superjson.encode({"a": EPOCH, "10": EPOCH, "2": [EPOCH], "9": EPOCH})["meta"]["values"]
    assert list(noted) == ["9", "10", "a", "2.0"]


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
        (NOON.replace(tzinfo=None), "2026-01-02T12:00:00.005Z"),
        (NOON.astimezone(timezone(timedelta(hours=2))), "2026-01-02T12:00:00.005Z"),
        (Custom("BaseNode", {"at": NOON}), {"at": "2026-01-02T12:00:00.005Z"}),
        (JsError("TypeError", "no"), {"name": "TypeError", "message": "no"}),
        ({"a": UNDEFINED, "b": [UNDEFINED]}, {"b": [None]}),
        ([float("nan"), float("inf"), 0.5], [None, None, 0.5]),
        (BigInt(2**70), 2**70),
        ({1: "a"}, [[1, "a"]]),
        ({"x"}, ["x"]),
        (b"\x01\x02", [1, 2]),
        (Url("https://x.y/"), "https://x.y/"),
        (RegExp("a", "gi"), "/a/gi"),
        (TypedArray("Float64Array", (1, 0.5, nan)), [1, 0.5, None]),
        (SetItems(({"at": NOON}, 1)), [{"at": "2026-01-02T12:00:00.005Z"}, 1]),
        (MapRows((({}, NOON),)), [[{}, "2026-01-02T12:00:00.005Z"]]),
        (JsMap(a=NOON), {"a": "2026-01-02T12:00:00.005Z"}),
        (Instance("P", {"u": UNDEFINED, "x": {1}}), {"x": [1]}),
        (Symbol("tag", "what"), "what"),
        (Status.RUNNING, "running"),
        (True, True),
    ],
)
def test_values_become_what_javascript_would_write(value: Any, written: Any) -> None:
    assert plain(value) == written
    assert type(plain(value)) is type(written) or isinstance(value, BigInt)
