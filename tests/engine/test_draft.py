from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest

from chaingraph.engine.authoring import (
    Context,
    Stream,
    StreamWriter,
    node,
    node_type_of,
    port,
)
from chaingraph.errors import BadNodeType


@dataclass
class Point:
    x: float


def fine() -> None: ...
def no_hint(a) -> None: ...  # type: ignore[no-untyped-def]
def no_return(a: int): ...  # type: ignore[no-untyped-def]
def odd(a: complex) -> None: ...
def two_types(a: str | float) -> None: ...
def numbers(a: Literal[1, 2]) -> None: ...
def same_name(result: int) -> int:
    return result


def many(*a: int) -> None: ...
def no_option(a: Literal["x"] = "y") -> None: ...  # type: ignore[assignment]
def no_stream(a: Stream[str] = "x") -> None: ...  # type: ignore[assignment]
def no_point(a: Point = "x") -> None: ...  # type: ignore[assignment]
def unreadable(a: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821
def sync_stream(a: Stream[str]) -> None: ...
async def objects(a: Stream[Point]) -> None: ...
async def twisted(a: Annotated[StreamWriter[str], port(direction="input")]) -> None: ...
def out(a: Annotated[int, port(direction="output")]) -> None: ...


async def no_yield() -> AsyncIterator[str]: ...  # type: ignore[empty-body]
async def no_stream_hint() -> str:  # type: ignore[misc]
    yield "a"


class Extra:
    def run(self, ctx: Context, more: int) -> None: ...


@pytest.mark.parametrize(
    ("thing", "options", "sentence"),
    [
        (no_hint, {}, "node Bad, a: has no type hint"),
        (no_return, {}, "node Bad, return: has no type hint"),
        (odd, {}, "node Bad, a: no port has the type complex; use Any for a port of anything"),
        (two_types, {}, "node Bad, a: a port has one type, not str | float; use Any"),
        (numbers, {}, "node Bad, a: the options of an enum must be strings"),
        (same_name, {}, "node Bad, result: there are two ports of this name"),
        (many, {}, "node Bad, a: a port is passed by its name: no *, ** and / here"),
        (no_option, {}, "node Bad, a: the default 'y' is none of its options"),
        (no_stream, {}, "node Bad, a: a stream has no default"),
        (unreadable, {}, "node Bad: its type hints cannot be read: name 'Nowhere' is not defined"),
        (sync_stream, {}, "node Bad: a node with streams has to be async"),
        (objects, {}, "node Bad, a: the items of a stream must be plain values"),
        (twisted, {}, "node Bad, a: a StreamWriter belongs to an output port"),
        (out, {}, "node Bad: a parameter is no output; return the value instead"),
        (
            no_yield,
            {},
            "node Bad, return: an async generator makes a stream, and nothing else does",
        ),
        (
            no_stream_hint,
            {},
            "node Bad, return: an async generator makes a stream, and nothing else does",
        ),
        (Extra, {}, "node Bad, run: takes self and, if wanted, the context"),
        (
            fine,
            {"kind": "odd"},
            "node Bad, kind: unknown kind 'odd', expected one of pure, effect, once",
        ),
        (fine, {"quick": True}, "node Bad, quick: only a pure function without async is quick"),
        (
            same_name,
            {"passthrough": ["b"], "output": "c"},
            "node Bad, b: passthrough names no parameter",
        ),
    ],
)
def test_a_mistake_names_the_node_and_the_parameter(
    thing: Any, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BadNodeType) as caught:
        node(name="Bad", **options)(thing)
    assert str(caught.value) == sentence


def test_a_default_of_another_type_is_a_mistake() -> None:
    with pytest.raises(BadNodeType, match="node Bad, a: the default does not fit: "):
        node(name="Bad")(no_point)


def test_what_is_not_decorated_is_no_node() -> None:
    with pytest.raises(BadNodeType, match="node Point: is not decorated"):
        node_type_of(Point)
