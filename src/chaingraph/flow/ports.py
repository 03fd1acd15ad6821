"""What a port is: its type, its direction and its children.

A port keeps the configuration it was read from, verbatim, and adds to it what the engine asks
for. Ids are hierarchical paths: `payload` is a top-level port, `payload.value` a property of it,
`items[0]` an item. Children are not stored; they follow from `schema` and `itemConfig`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from chaingraph.errors import PortError

Json: TypeAlias = Any
"""A JSON value. What may stand in it is checked at the doors, by port type."""

JsonObject: TypeAlias = Mapping[str, Any]


class PortType(StrEnum):
    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    ARRAY = "array"
    OBJECT = "object"
    STREAM = "stream"
    ENUM = "enum"
    SECRET = "secret"
    ANY = "any"


class Direction(StrEnum):
    INPUT = "input"
    OUTPUT = "output"
    PASSTHROUGH = "passthrough"

    @property
    def takes_values(self) -> bool:
        return self is not Direction.OUTPUT

    @property
    def gives_values(self) -> bool:
        return self is not Direction.INPUT


@dataclass(frozen=True, slots=True)
class Port:
    """One port. `config` is the stored configuration, unknown keys included."""

    id: str
    key: str
    type: PortType
    direction: Direction
    config: JsonObject
    required: bool = False
    #: the port of one item, for arrays and streams
    item: Port | None = None
    #: the ports of the properties, for objects, by property name
    properties: Mapping[str, Port] = field(default_factory=dict)
    #: the ids that an enum accepts; empty means "not restricted"
    options: tuple[str, ...] = ()

    @property
    def default(self) -> Json:
        return self.config.get("defaultValue")

    @property
    def title(self) -> str:
        return str(self.config.get("title") or self.key)

    @property
    def is_error(self) -> bool:
        """Error ports resolve only when their node fails."""
        return self.id in ("__error", "__errorMessage")

    @classmethod
    def from_config(cls, config: JsonObject, *, node_id: str | None = None) -> Port:
        """Read a stored port configuration.

        Raises PortError when the type or the direction is missing or unknown.
        """
        port_id = str(config.get("id") or config.get("key") or "?")
        try:
            kind = PortType(config["type"])
        except (KeyError, ValueError):
            known = ", ".join(PortType)
            reason = f"unknown port type {config.get('type')!r}, expected one of {known}"
            raise PortError(port_id, reason, node_id) from None
        try:
            direction = Direction(config.get("direction") or "input")
        except ValueError:
            reason = f"unknown direction {config.get('direction')!r}"
            raise PortError(port_id, reason, node_id) from None
        return cls(
            id=port_id,
            key=str(config.get("key") or port_id),
            type=kind,
            direction=direction,
            config=config,
            required=bool(config.get("required", False)),
            item=_item(config, port_id, direction, node_id),
            properties=_properties(config, port_id, direction, node_id),
            options=_options(config),
        )

    def child(self, path: str) -> Port | None:
        """The child port at `path` (what follows this port's id), or None.

        `port.child(".value")`, `port.child("[0].name")`. An `any` port answers for every path.
        """
        here: Port | None = self
        try:
            steps = split_path(path)
        except PortError:
            return None
        for step in steps:
            here = here._step(step) if here is not None else None
        return here

    def _step(self, step: str | int) -> Port | None:
        if self.type is PortType.ANY:
            return self
        if isinstance(step, int):
            return self.item if self.type is PortType.ARRAY else None
        found = self.properties.get(step)
        if found is None and self.config.get("isSchemaMutable") and not self.properties:
            return _any_port(f"{self.id}.{step}", step, self.direction)
        return found


def _any_port(port_id: str, key: str, direction: Direction) -> Port:
    config = {"id": port_id, "key": key, "type": "any", "direction": direction.value}
    return Port(port_id, key, PortType.ANY, direction, config)


def _inherit(config: Json, port_id: str, key: str, direction: Direction) -> dict[str, Any]:
    own = config if isinstance(config, Mapping) else {}
    return {"type": "any", **own, "id": port_id, "key": key, "direction": direction.value}


def _item(config: JsonObject, port_id: str, direction: Direction, node: str | None) -> Port | None:
    raw = config.get("itemConfig")
    if raw is None:
        if config["type"] not in ("array", "stream"):
            return None
        return _any_port(f"{port_id}[]", "[]", direction)
    return Port.from_config(_inherit(raw, f"{port_id}[]", "[]", direction), node_id=node)


def _properties(
    config: JsonObject, port_id: str, direction: Direction, node: str | None
) -> dict[str, Port]:
    schema = config.get("schema")
    raw = schema.get("properties") if isinstance(schema, Mapping) else None
    if not isinstance(raw, Mapping):
        return {}
    return {
        key: Port.from_config(_inherit(each, f"{port_id}.{key}", key, direction), node_id=node)
        for key, each in raw.items()
    }


def _options(config: JsonObject) -> tuple[str, ...]:
    raw = config.get("options")
    if not isinstance(raw, list):
        return ()
    return tuple(str(each["id"]) for each in raw if isinstance(each, Mapping) and "id" in each)


_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


def root_of(port_id: str) -> str:
    """The id of the top-level port that `port_id` lies in: `payload.value` -> `payload`."""
    cut = min((at for at in (port_id.find("."), port_id.find("[")) if at > 0), default=-1)
    return port_id if cut < 0 else port_id[:cut]


def split_path(path: str) -> list[str | int]:
    """`".value[0]"` -> `["value", 0]`. Raises PortError when `path` is none."""
    steps: list[str | int] = []
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise PortError(path, "not a path of properties and items")
        name, index = match.groups()
        steps.append(name if name is not None else int(index))
        at = match.end()
    return steps
