"""The values that Python has no own type for, and the one error.

Those that are frozen are equal when they are written alike, and hashable when what they hold is.
"""

from __future__ import annotations

from collections.abc import Mapping
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


class JsMap(dict[Any, Any]):
    """A dict that JavaScript shall receive as a Map, also when all its keys are text."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class MapRows:
    """A Map, row by row, whose keys Python cannot hash or would take for the same."""

    rows: tuple[tuple[Any, Any], ...]


@dataclass(frozen=True, slots=True)
class SetItems:
    """A Set in its order, whose items Python cannot hash or would take for the same."""

    items: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Url:
    """An absolute URL, as JavaScript spells it."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class RegExp:
    """A regular expression of JavaScript, which need not be one of Python."""

    source: str
    flags: str = ""

    def __str__(self) -> str:
        return f"/{self.source}/{self.flags}"


@dataclass(frozen=True, slots=True)
class Symbol:
    """A symbol that both sides have registered as `id`."""

    id: str
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """An object of the class that both sides have registered as `name`."""

    name: str
    members: Mapping[str, Any]


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
