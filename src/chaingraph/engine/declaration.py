"""A port as its author declared it: its definition, and how its values reach the body."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from chaingraph.engine.hints import Config, Hint, UnknownHint, humanise, read_hint
from chaingraph.engine.port_options import MISSING, PortOptions
from chaingraph.errors import PortError
from chaingraph.flow.ports import Direction, Json, Port, PortType
from chaingraph.flow.secrets import has_open_default, holds_secrets


class Converter:
    """JSON in the flow, an object of the hinted type in the body."""

    def __init__(self, port_id: str, hint: Any) -> None:
        self._port_id = port_id
        self._hint = hint

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self._hint)

    def load(self, value: Json) -> Any:
        try:
            return self._adapter.validate_python(value)
        except ValidationError as error:
            raise PortError(self._port_id, _first_mistake(error)) from error

    def dump(self, value: Any) -> Json:
        try:
            return self._adapter.dump_python(value, mode="json", warnings="error")
        except PydanticSerializationError as error:
            raise PortError(self._port_id, str(error)) from error


def _first_mistake(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(step) for step in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]


@dataclass(frozen=True, slots=True)
class DeclaredPort:
    port: Port
    #: what the body gets when the port holds no value
    default: Any
    converter: Converter | None

    @property
    def key(self) -> str:
        return self.port.key

    @property
    def is_stream(self) -> bool:
        return self.port.type is PortType.STREAM


def declare(
    key: str, annotation: Any, default: Any, direction: Direction, order: int
) -> DeclaredPort:
    """The port `key: annotation = default`; `direction` is that of a port that says nothing.

    Raises UnknownHint when there can be no such port.
    """
    hint = read_hint(annotation)
    options = hint.options
    if isinstance(default, PortOptions):
        options = options.then(default)
    elif default is not MISSING:
        options = options.then(PortOptions(default))
    direction = _direction(hint, options, direction)
    converter = Converter(key, hint.converted) if hint.converted is not None else None
    config: Config = {
        "id": key,
        "key": key,
        "title": humanise(key),
        "order": order,
        "direction": direction.value,
        **_stored_type(hint, options),
    }
    if options.default is MISSING:
        if direction.takes_values and not hint.optional:
            config["required"] = True
    elif options.default is not None:
        config["defaultValue"] = _stored_default(options.default, converter, config)
    config |= options.config
    nothing = None if options.default is MISSING else options.default
    port = Port.from_config(config)
    if holds_secrets(port) and has_open_default(port):
        raise UnknownHint("a secret has no default")
    return DeclaredPort(port, nothing, converter)


def _direction(hint: Hint, options: PortOptions, otherwise: Direction) -> Direction:
    direction = options.direction or hint.direction or otherwise
    if hint.direction is not None and direction is not hint.direction:
        raise UnknownHint("a StreamWriter belongs to an output port")
    return direction


def _stored_type(hint: Hint, options: PortOptions) -> Config:
    if "options" not in hint.config:
        return hint.config
    titled = [
        {**each, "title": options.titles.get(each["id"], each["title"])}
        for each in hint.config["options"]
    ]
    return {**hint.config, "options": titled}


def _stored_default(default: Any, converter: Converter | None, config: Config) -> Json:
    if config["type"] == "stream":
        raise UnknownHint("a stream has no default")
    if config["type"] == "secret":
        raise UnknownHint("a secret has no default")
    try:
        stored = converter.dump(default) if converter is not None else deepcopy(default)
    except PortError as error:
        raise UnknownHint(f"the default does not fit: {error.reason}") from error
    if config["type"] == "enum" and stored not in [each["id"] for each in config["options"]]:
        raise UnknownHint(f"the default {stored!r} is none of its options")
    return stored
