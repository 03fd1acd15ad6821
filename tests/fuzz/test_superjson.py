"""superjson against values of every kind, and against strangers."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given

from chaingraph import superjson
from chaingraph.superjson import SuperjsonError, paths, reading
from chaingraph.trpc.transformer import read_json, write_json
from tests.fuzz.envelopes import envelopes
from tests.fuzz.pace import UNHURRIED
from tests.fuzz.values import KNOWN, canonical, json_values, values, without_undefined
from tests.fuzz.work import counted


@UNHURRIED
@given(values)
def test_what_is_written_is_read_back(value: Any) -> None:
    expected = canonical(without_undefined(value))
    envelope = superjson.encode(value)
    assert canonical(superjson.decode(envelope, **KNOWN)) == expected
    assert canonical(superjson.loads(superjson.dumps(value), **KNOWN)) == expected
    through_text = read_json(write_json(envelope))
    assert canonical(superjson.decode(through_text, **KNOWN)) == expected


@UNHURRIED
@given(values)
def test_what_is_written_is_json(value: Any) -> None:
    envelope = superjson.encode(value)
    text = json.dumps(envelope, allow_nan=False)
    assert canonical(json.loads(text)) == canonical(envelope)


@UNHURRIED
@given(values)
def test_what_was_prepared_reads_like_what_was_not(value: Any) -> None:
    prepared = superjson.dumps({"a.b": [superjson.prepare(value)], "\ud800": 2**70})
    assert json.loads(prepared) == json.loads(superjson.dumps({"a.b": [value], "\ud800": 2**70}))


@UNHURRIED
@given(json_values)
def test_plain_json_needs_no_annotations(value: Any) -> None:
    assert superjson.encode(value) == {"json": value}


@UNHURRIED
@given(envelopes())
def test_a_stranger_gets_a_value_or_a_superjson_error_for_little_work(envelope: Any) -> None:
    text = json.dumps(envelope)
    with counted() as calls, suppress(SuperjsonError):
        superjson.decode(envelope, **KNOWN)
    assert calls() < 200 + 10 * len(text)
    assert json.dumps(envelope) == text


@UNHURRIED
@given(envelopes())
def test_what_was_read_of_a_stranger_can_be_passed_on(envelope: Any) -> None:
    with suppress(SuperjsonError):
        value = superjson.decode(envelope, **KNOWN)
        passed_on = superjson.loads(superjson.dumps(value), **KNOWN)
        once_more = superjson.loads(superjson.dumps(passed_on), **KNOWN)
        assert canonical(once_more) == canonical(passed_on)


DEEP = {
    "arrays": ("[", "1", "]"),
    "objects": ('{"a":', "1", "}"),
    "sets": ('["set",{"0":', '["Date"]', "}]"),
}


@pytest.mark.parametrize("levels", [250, 20_000])
@pytest.mark.parametrize("kind", DEEP)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ('{"json":', "}"),
        ('{"json":1,"meta":', "}"),
        ('{"json":1,"meta":{"values":', "}}"),
        ('{"json":1,"meta":{"referentialEqualities":', "}}"),
    ],
)
def test_whatever_is_nested_deeply_is_refused(
    before: str, after: str, kind: str, levels: int
) -> None:
    opening, inner, closing = DEEP[kind]
    text = before + opening * levels + inner + closing * levels + after
    with pytest.raises(SuperjsonError):
        superjson.loads(text)
    if levels < 1000:
        with pytest.raises(SuperjsonError):
            superjson.decode(json.loads(text))


def annotated(value: Any, values: Any = None, equal: Any = None) -> dict[str, Any]:
    meta = {"values": values, "referentialEqualities": equal, "v": 1}
    return {"json": value, "meta": {key: each for key, each in meta.items() if each is not None}}


def test_errors_in_the_messages_of_errors_do_not_grow() -> None:
    value: Any = "\\'\""
    values: Any = []
    for level in range(40):
        value = {"name": "E", "message": value}
        values = ["Error", {"message": values}] if level else ["Error"]
    with pytest.raises(SuperjsonError):
        superjson.decode(annotated(value, values))


def test_numbers_that_python_cannot_tell_apart_quickly_are_refused() -> None:
    colliding = [k * (2**61 - 1) for k in range(1000)]
    for value, kind in (
        (colliding, "set"),
        ([[key, 1] for key in colliding], "map"),
        ([[key] for key in colliding], "set"),
    ):
        with pytest.raises(SuperjsonError, match="alike"):
            superjson.decode(annotated(value, [kind]))


def test_many_numbers_in_a_set_are_welcome() -> None:
    assert superjson.decode(annotated(list(range(50_000)), ["set"])) == set(range(50_000))


def test_a_long_path_is_split_once_however_many_are_equal_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    split = 0
    real = paths.split

    def counting(path: str, *, legacy: bool) -> list[str]:
        nonlocal split
        split += len(path)
        return real(path, legacy=legacy)

    monkeypatch.setattr(reading, "split", counting)
    envelope = annotated({"b": None}, equal={"a." * 10_000: ["b"] * 1000})
    superjson.decode(envelope)
    assert split <= len(json.dumps(envelope))


def test_the_work_for_equal_paths_grows_with_their_text_only() -> None:
    value: Any = None
    for _ in range(150):
        value = [value]
    envelope = annotated({"a": value, "b": 1}, equal={"a" + ".0" * 150: ["b"] * 5000})
    with counted() as calls:
        superjson.decode(envelope)
    assert calls() < 50 * len(json.dumps(envelope))


@pytest.mark.parametrize(
    "equal",
    [
        {"a": ["a.b"]},
        {"a": ["a"]},
        [["a"]],
        [["a"], {"a": ["b"]}],
        {"a.b": ["a.b.c"]},
    ],
)
def test_a_value_inside_itself_is_refused(equal: Any) -> None:
    with pytest.raises(SuperjsonError, match="contains itself"):
        superjson.decode(annotated({"a": {"b": None}}, equal=equal))


def test_values_inside_each_other_are_copied_once() -> None:
    value = {"a": {"b": None}, "c": {"d": None}}
    found = superjson.decode(annotated(value, equal={"a": ["c.d"], "c": ["a.b"]}))
    assert found["c"]["d"] == {"b": None}
    assert found["a"]["b"] == {"d": {"b": None}}


@pytest.mark.parametrize("segment", ["__proto__", "constructor", "prototype"])
@pytest.mark.parametrize("path", ["{}", "a.{}", "{}.polluted"])
def test_a_path_through_a_prototype_is_refused_wherever_it_stands(path: str, segment: str) -> None:
    value, path = {"a": None, segment: {"polluted": None}}, path.format(segment)
    for envelope in (
        annotated(value, {path: ["Date"]}),
        annotated(value, ["map", {"a": ["set", {path: ["Date"]}]}]),
        annotated(value, equal={path: ["a"]}),
        annotated(value, equal={"a": [path]}),
    ):
        with pytest.raises(SuperjsonError):
            superjson.decode(envelope)


def test_a_key_of_a_prototype_without_annotation_is_a_key_like_any_other() -> None:
    assert superjson.decode({"json": {"__proto__": {"x": 1}}}) == {"__proto__": {"x": 1}}
