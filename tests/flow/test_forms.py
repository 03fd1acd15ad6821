from __future__ import annotations

import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaingraph.flow.forms import misfit, schema_of, schema_problem
from tests.flow.kinds import obj, port

ORDER = port(
    "order",
    "object",
    title="Order",
    isSchemaMutable=True,
    **obj(
        name={
            "type": "string",
            "required": True,
            "minLength": 1,
            "maxLength": 5,
            "pattern": "^[a-z]+$",
        },
        size={"type": "enum", "options": [{"id": "small"}, {"id": "large"}]},
        count={
            "type": "number",
            "integer": True,
            "min": 1,
            "max": 9,
            "defaultValue": 1,
            "step": 1,
        },
        weight={"type": "number", "description": "in kg"},
        gift={"type": "boolean"},
        tags={"type": "array", "itemConfig": {"type": "string"}, "maxLength": 2},
        to={
            "type": "object",
            "required": True,
            **obj(city={"type": "string", "required": True}),
        },
        note={"type": "any"},
        more={"type": "object", "isSchemaMutable": True},
    ),
)
SCHEMA = schema_of(ORDER)
GOOD: dict[str, Any] = {"name": "ann", "to": {"city": "Ulm"}}


def test_a_port_says_what_its_values_look_like() -> None:
    assert SCHEMA == {
        "type": "object",
        "title": "Order",
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 5, "pattern": "^[a-z]+$"},
            "size": {"enum": ["small", "large"]},
            "count": {"type": "integer", "minimum": 1, "maximum": 9, "default": 1},
            "weight": {"type": "number", "description": "in kg"},
            "gift": {"type": "boolean"},
            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
            "to": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "additionalProperties": False,
                "required": ["city"],
            },
            "note": {},
            "more": {"type": "object"},
        },
        "additionalProperties": False,
        "required": ["name", "to"],
    }
    assert schema_problem(SCHEMA) is None


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        ("any", {}),
        ("secret", {}),
        ("stream", {}),
        ("enum", {"type": "string"}),
        ("array", {"type": "array", "items": {}}),
    ],
)
def test_a_port_that_says_little_allows_much(kind: str, schema: dict[str, Any]) -> None:
    assert schema_of(port("p", kind)) == schema


def test_a_whole_value_fits() -> None:
    assert misfit(SCHEMA, GOOD) is None
    rest = {"size": "large", "count": 3, "gift": True, "tags": ["a", "b"], "more": {"x": [1]}}
    assert misfit(SCHEMA, {**GOOD, **rest, "note": None, "weight": 1.5}) is None


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": "Ann"}, "name: 'Ann' does not match '^[a-z]+$'"),
        ({"name": "barbara"}, "name: 'barbara' is too long"),
        ({"size": "huge"}, "size: 'huge' is not one of ['small', 'large']"),
        ({"count": 1.5}, "count: 1.5 is not of type 'integer'"),
        ({"count": 10}, "count: 10 is greater than the maximum of 9"),
        ({"gift": 1}, "gift: 1 is not of type 'boolean'"),
        ({"tags": ["a", 2]}, "tags[1]: 2 is not of type 'string'"),
        ({"to": {}}, "to: 'city' is a required property"),
        ({"colour": "red"}, "the value: Additional properties are not allowed"),
    ],
)
def test_what_does_not_fit_is_said_with_its_place(change: dict[str, Any], problem: str) -> None:
    said = misfit(SCHEMA, {**GOOD, **change})
    assert said is not None and said.startswith(problem)


def test_a_sentence_stays_short_whatever_the_value_is() -> None:
    said = misfit({"type": "string"}, list(range(10_000)))
    assert said is not None and len(said) < 200 and said.endswith("is not of type 'string'")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_a_schema_that_says_nothing_fits_everything(value: Any) -> None:
    assert misfit({}, value) is None


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ([], "A schema is an object, not []"),
        (True, "A schema is an object, not True"),
        ({"type": "text"}, "The schema is wrong: type: 'text' is not"),
        ({"required": "a"}, "The schema is wrong: required: 'a' is not of type 'array'"),
        ({"properties": {"a": 3}}, "The schema is wrong: properties.a: 3 is not of type"),
        (
            {"properties": {"a": {"$ref": "http://example.com/s"}}},
            "The schema refers to http://example.com/s, which is not part of it",
        ),
        (
            {"allOf": [{"$ref": "file:///etc/passwd"}]},
            "The schema refers to file:///etc/passwd, which is not part of it",
        ),
        ({"$dynamicRef": "other#x"}, "The schema refers to other#x, which is not part of it"),
    ],
)
def test_what_is_no_schema_is_told(schema: Any, problem: str) -> None:
    said = schema_problem(schema)
    assert said is not None and said.startswith(problem)


def test_a_schema_may_refer_to_its_own_parts() -> None:
    tree = {
        "$defs": {"tree": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
        "$ref": "#/$defs/tree",
    }
    assert schema_problem(tree) is None
    assert misfit(tree, [[], [[]]]) is None
    assert misfit(tree, [[], [3]]) == "[1][0]: 3 is not of type 'array'"


def test_a_property_may_be_called_ref() -> None:
    assert schema_problem({"properties": {"$ref": {"type": "string"}}}) is None


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*args: Any) -> Any:
        raise AssertionError("asked the network")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    monkeypatch.setattr("urllib.request.urlopen", no_network)
    said = misfit({"$ref": "http://example.com/s"}, 1)
    assert said == "The schema refers to http://example.com/s, which is not part of it"


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"$ref": "#"}, "The schema, or the value, is nested without end"),
        ({"$ref": "#/$defs/none"}, "The schema refers to /$defs/none, which is not part of it"),
        ({"pattern": "["}, "The schema cannot be used: "),
        ({"type": "text"}, "The schema cannot be used: "),
        ({"minLength": "x"}, "The schema cannot be used: "),
    ],
)
def test_nothing_fits_a_schema_at_fault(schema: Any, reason: str) -> None:
    said = misfit(schema, "a")
    assert said is not None and said.startswith(reason)
