"""From a type hint to the configuration of a port.

    float, int -> number         list[T] -> array              Literal, Enum -> enum
    str        -> string         dict, Mapping -> open object  StreamReader[T] -> stream
    bool       -> boolean        dataclass, TypedDict,         StreamWriter[T] -> stream (output)
    Secret     -> secret         Pydantic model -> object      Any, object -> any

`T | None` is a port that need not have a value. `Annotated[T, port(...)]` says more about it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import reduce
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from pydantic import BaseModel

from chaingraph.engine.channel import StreamReader, StreamWriter
from chaingraph.engine.port_options import MISSING, PortOptions, no_options
from chaingraph.flow.ports import Direction, Json
from chaingraph.flow.secrets import Secret

Stream = StreamReader
"""The hint of a stream port: `async for item in stream` reads it."""

Config = dict[str, Any]


class UnknownHint(TypeError):
    """A type hint that no port can have."""


@dataclass(frozen=True, slots=True)
class Hint:
    """What a type hint says about a port."""

    config: Config
    options: PortOptions = no_options
    optional: bool = False
    direction: Direction | None = None
    #: the hint of values that a body holds in another form than JSON
    converted: Any = None


def read_hint(hint: Any) -> Hint:
    """Raises UnknownHint when no port can have this hint."""
    bare, optional = _without_none(_strip(hint))
    config = config_of(bare)
    is_stream = config["type"] == "stream"
    converted = _needs_conversion(bare)
    if is_stream and (converted or _mentions(bare, Secret)):
        raise UnknownHint("the items of a stream must be plain values")
    return Hint(
        config=config,
        options=_said(hint),
        optional=optional or bare in (Any, object),
        direction=Direction.OUTPUT if get_origin(bare) is StreamWriter else None,
        converted=_strip(hint) if converted else None,
    )


def humanise(key: str) -> str:
    """`sourceText`, `source_text` -> `Source Text`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", key).replace("_", " ").split()
    return " ".join(word[0].upper() + word[1:] for word in words)


def config_of(hint: Any, outer: tuple[Any, ...] = ()) -> Config:
    """The part of a port's configuration that follows from its type.

    `outer` are the classes around this hint; one that holds itself ends as `any`.
    """
    hint, _ = _without_none(_strip(hint))
    origin = get_origin(hint) or hint
    if outer and hint is Secret:
        raise UnknownHint(f"a secret is a port of its own, not a part of {_name(outer[-1])}")
    if hint in _SCALARS:
        return dict(_SCALARS[hint])
    if origin in _ARRAYS:
        return {"type": "array", "itemConfig": _item_config(hint, outer)}
    if origin in _STREAMS:
        return {"type": "stream", "itemConfig": _item_config(hint, outer)}
    if origin in (dict, Mapping):
        return {"type": "object", "schema": {"properties": {}}, "isSchemaMutable": True}
    if origin is Literal:
        return {"type": "enum", "options": _options(get_args(hint), get_args(hint))}
    if isinstance(origin, type) and issubclass(origin, Enum):
        names = [humanise(member.name.lower()) for member in origin]
        return {"type": "enum", "options": _options([each.value for each in origin], names)}
    if is_structured(origin):
        return {"type": "any"} if hint in outer else _object_config(origin, outer)
    raise UnknownHint(f"no port has the type {_name(hint)}; use Any for a port of anything")


_SCALARS: Mapping[Any, Config] = {
    float: {"type": "number"},
    int: {"type": "number", "integer": True},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    Any: {"type": "any"},
    object: {"type": "any"},
    Secret: {"type": "secret", "secretType": "string"},
}
_ARRAYS = (list, Sequence)
_STREAMS = (StreamReader, StreamWriter, AsyncIterator, AsyncGenerator)


def is_structured(hint: Any) -> bool:
    """True for classes whose fields are properties: dataclass, TypedDict, Pydantic model."""
    is_class = isinstance(hint, type)
    return is_typeddict(hint) or (
        is_class and (dataclasses.is_dataclass(hint) or issubclass(hint, BaseModel))
    )


def _strip(hint: Any) -> Any:
    """The hint without Annotated, Required and NotRequired around it."""
    while get_origin(hint) in (Annotated, Required, NotRequired):
        hint = get_args(hint)[0]
    return hint


def _said(hint: Any) -> PortOptions:
    """What `Annotated` says about the port, also inside `Annotated[T, ...] | None`."""
    arms = get_args(hint) if get_origin(hint) in (Union, UnionType) else ()
    extras = (*(_said(arm) for arm in arms), *getattr(hint, "__metadata__", ()))
    known = (each for each in extras if isinstance(each, PortOptions))
    return reduce(PortOptions.then, known, no_options)


def _without_none(hint: Any) -> tuple[Any, bool]:
    """`T | None` -> `T`, True. Two different types are no port."""
    if get_origin(hint) not in (Union, UnionType):
        return hint, False
    arms = [arm for arm in get_args(hint) if arm is not NoneType]
    optional = len(arms) < len(get_args(hint))
    if set(arms) == {int, float}:
        return float, optional
    if len(arms) != 1:
        raise UnknownHint(f"a port has one type, not {_name(hint)}; use Any")
    return _strip(arms[0]), optional


def _item_config(hint: Any, outer: tuple[Any, ...]) -> Config:
    arguments = get_args(hint)
    return config_of(arguments[0], outer) if arguments else {"type": "any"}


def _options(ids: Sequence[Any], titles: Sequence[str]) -> list[Config]:
    if not all(isinstance(each, str) for each in ids):
        raise UnknownHint("the options of an enum must be strings")
    return [
        {"id": each, "type": "string", "title": _option_title(title), "defaultValue": each}
        for each, title in zip(ids, titles, strict=True)
    ]


def _option_title(title: str) -> str:
    return humanise(title) if title.isidentifier() else title


def _object_config(shape: Any, outer: tuple[Any, ...]) -> Config:
    properties = {
        key: _property(key, hint, default, (*outer, shape)) for key, hint, default in _fields(shape)
    }
    return {"type": "object", "schema": {"properties": properties}}


def _property(key: str, hint: Any, default: Json, outer: tuple[Any, ...]) -> Config:
    config: Config = {"key": key, "title": humanise(key)} | config_of(hint, outer)
    if isinstance(default, Enum):
        default = default.value
    if isinstance(default, str | int | float):
        config["defaultValue"] = default
    return config | dict(_said(hint).config)


def _fields(shape: Any) -> Iterator[tuple[str, Any, Any]]:
    hints = get_type_hints(shape, include_extras=True)
    if is_typeddict(shape):
        yield from ((key, hint, MISSING) for key, hint in hints.items())
    elif dataclasses.is_dataclass(shape):
        yield from (
            (each.name, hints[each.name], each.default) for each in dataclasses.fields(shape)
        )
    else:
        for key, each in shape.model_fields.items():
            yield key, hints[key], each.default


def _mentions(hint: Any, wanted: type) -> bool:
    return hint is wanted or any(_mentions(_strip(each), wanted) for each in get_args(hint))


def _needs_conversion(hint: Any) -> bool:
    """True when a body holds such values in another form than JSON, at any depth."""
    if is_structured(hint) or (isinstance(hint, type) and issubclass(hint, Enum)):
        return True
    return any(_needs_conversion(_strip(each)) for each in get_args(hint))


def _name(hint: Any) -> str:
    return getattr(hint, "__name__", None) or str(hint)
