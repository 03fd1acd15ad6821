"""How a procedure is called, and what text JSON becomes."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from chaingraph.trpc.codes import TRPCError
from chaingraph.trpc.router import Procedure
from chaingraph.trpc.transformer import read_json, write_json
from tests.trpc.examples import admit, echo, procedure


async def test_a_call_parses_the_input_and_hands_it_to_the_handler() -> None:
    doubling = Procedure("query", lambda raw: raw * 2, echo, admit)
    assert await doubling.call("me", lambda: 4) == 8


async def test_who_is_not_admitted_never_has_the_input_read() -> None:
    def explode() -> Any:
        raise AssertionError("read")

    with pytest.raises(TRPCError, match="who"):
        await procedure("query").call(None, explode)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, None]}, '{"a":[1,null]}'),
        ("\ud800", '"\\ud800"'),
        (10**30, "1" + "0" * 30),
        ([orjson.Fragment(b'{"x":1}')], '[{"x":1}]'),
    ],
)
def test_json_is_compact_and_never_fails_on_what_javascript_can_read(value: Any, text: str) -> None:
    assert write_json(value) == text


def test_what_is_no_json_value_is_refused_not_guessed() -> None:
    with pytest.raises(TypeError):
        write_json({"at": object()})


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "[" * 100_000, ""])
def test_reading_is_strict_and_bounded(text: str) -> None:
    with pytest.raises(ValueError):
        read_json(text)
