"""The values that Python has no own type for, and the one error."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeAlias

import orjson

from chaingraph.errors import BadInput

Json: TypeAlias = Any
Envelope: TypeAlias = dict[str, Any]

FORBIDDEN: Final = frozenset({"__proto__", "constructor", "prototype"})
"""Keys that no annotation may lead through: a JavaScript reader refuses them."""


class SuperjsonError(BadInput):
    """A value that superjson cannot carry, or an envelope that is none."""


class Undefined(Enum):
    """JavaScript's `undefined`, which is not null."""

    UNDEFINED = "undefined"


UNDEFINED: Final = Undefined.UNDEFINED


class BigInt(int):
    """An integer that JavaScript shall receive as a bigint; a plain int becomes a number."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class JsError:
    """A JavaScript Error as a value."""

    name: str
    message: str
    cause: Any = UNDEFINED


@dataclass(frozen=True, slots=True)
class Custom:
    """A value of a registered custom type; `value` is its JSON; it is sent without annotations."""

    name: str
    value: Json


@dataclass(frozen=True, slots=True)
class Prepared:
    """A value that was encoded once and is sent many times. Made by `prepare`."""

    text: orjson.Fragment
    kind: Any
    notes: dict[str, Any]
