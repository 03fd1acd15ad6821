from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, TypedDict

import pytest
from pydantic import BaseModel

from chaingraph.engine.authoring import (
    Secret,
    Stream,
    node,
    node_type_of,
    port,
)
from chaingraph.flow.ports import Port, PortType


class Colour(Enum):
    RED = "red"
    DARK_BLUE = "dark-blue"


@dataclass
class Point:
    x: float
    y: float = 0


class Line(BaseModel):
    points: list[Point]
    colour: Colour = Colour.RED


class Tag(TypedDict):
    name: str
    weight: float


@dataclass
class Tree:
    value: str
    children: list[Tree]


def port_of(hint: Any) -> Port:
    """The port that a parameter with this hint declares."""

    async def function(value: Any) -> None: ...

    function.__annotations__["value"] = hint
    return node_type_of(node(name="N")(function)).ports["value"]


@pytest.mark.parametrize(
    ("hint", "stored"),
    [
        (float, {"type": "number"}),
        (int, {"type": "number", "integer": True}),
        (int | float, {"type": "number"}),
        (str, {"type": "string"}),
        (bool, {"type": "boolean"}),
        (Any, {"type": "any"}),
        (object, {"type": "any"}),
        (Secret, {"type": "secret"}),
        (list, {"type": "array", "itemConfig": {"type": "any"}}),
        (list[str], {"type": "array", "itemConfig": {"type": "string"}}),
        (
            list[list[bool]],
            {"type": "array", "itemConfig": {"type": "array", "itemConfig": {"type": "boolean"}}},
        ),
        (
            Mapping[str, float],
            {"type": "object", "schema": {"properties": {}}, "isSchemaMutable": True},
        ),
        (Stream[str], {"type": "stream", "itemConfig": {"type": "string"}}),
    ],
)
def test_a_type_hint_becomes_a_port_type(hint: Any, stored: dict[str, Any]) -> None:
    assert stored.items() <= port_of(hint).config.items()


@pytest.mark.parametrize(
    ("hint", "options"),
    [
        (Literal["add", "log_base"], {"add": "Add", "log_base": "Log Base"}),
        (Colour, {"red": "Red", "dark-blue": "Dark Blue"}),
        (Annotated[Literal["a"], port(titles={"a": "First"})], {"a": "First"}),
    ],
)
def test_literals_and_enums_become_options_with_titles(hint: Any, options: dict[str, str]) -> None:
    declared = port_of(hint)
    assert declared.type is PortType.ENUM
    assert {each["id"]: each["title"] for each in declared.config["options"]} == options


def test_the_fields_of_a_class_become_properties_at_every_depth() -> None:
    declared = port_of(Line)
    point = declared.child(".points[0]")
    assert point is not None
    assert point.properties["x"].type is PortType.NUMBER
    assert point.properties["y"].default == 0
    assert declared.properties["colour"].options == ("red", "dark-blue")
    assert declared.properties["colour"].default == "red"
    assert list(port_of(Tag).properties) == ["name", "weight"]


def test_a_class_that_holds_itself_ends_as_any() -> None:
    inner = port_of(Tree).child(".children[0]")
    assert inner is not None and inner.type is PortType.ANY


@pytest.mark.parametrize(
    ("hint", "default", "required"),
    [(str, ..., True), (str | None, ..., False), (Any, ..., False), (str, "", False)],
)
def test_an_input_is_required_unless_it_may_be_empty(
    hint: Any, default: Any, required: bool
) -> None:
    declared = port_of(hint if default is ... else Annotated[hint, port(default)])
    assert declared.required is required


@pytest.mark.parametrize(
    "hint", [Annotated[float, port(min=1)] | None, Annotated[int, port(min=1)]]
)
def test_annotated_adds_to_the_port(hint: Any) -> None:
    assert port_of(hint).config["min"] == 1


def test_options_are_stored_in_camel_case_and_unknown_ones_refused() -> None:
    declared = port_of(Annotated[str, port(min_length=2, title="T", description="D")])
    assert declared.config["minLength"] == 2
    assert (declared.title, declared.config["description"]) == ("T", "D")
    with pytest.raises(TypeError, match="unknown port option 'minimum'"):
        port(minimum=1)  # type: ignore[call-arg]
