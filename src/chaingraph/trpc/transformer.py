"""How values become JSON and back, and how JSON becomes text."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import orjson

_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


@dataclass(frozen=True, slots=True)
class Transformer:
    """The pair that both ends of the wire agree on.

    `encode` makes a JSON value of a result; `decode` takes one apart and raises ValueError when
    it cannot. `undefined` stands for an input that is not there at all.
    """

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]
    undefined: Any = None


def read_json(text: str | bytes) -> Any:
    """Strict JSON: raises ValueError also for NaN, and for nesting that Python cannot follow."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def write_json(value: Any) -> str:
    """Compact text; `orjson.Fragment`s inside go out as they are."""
    try:
        return orjson.dumps(value, option=_OPTIONS).decode()
    except TypeError:
        # Lone surrogates, integers over 64 bits, more than 254 levels.
        return json.dumps(value, allow_nan=False, separators=(",", ":"), default=_opened)


def _opened(part: Any) -> Any:
    """The JSON in an `orjson.Fragment`, which only orjson can pass on."""
    if isinstance(part, orjson.Fragment):
        return json.loads(orjson.dumps(part))
    raise TypeError(f"{type(part).__name__} is no JSON")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
