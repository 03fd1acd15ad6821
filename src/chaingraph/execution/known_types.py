"""The node types that flows may use: those whose code is here, and those that workers published.

Flows are checked and completed by what a type declares. Only a worker needs its code.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from chaingraph.engine.catalog import Catalog
from chaingraph.engine.node import Kind, NodeType
from chaingraph.execution.ports import TypeRegistry
from chaingraph.flow.ports import Port

log = logging.getLogger(__name__)

#: What was published is read again after so many seconds: a worker may know a newer version.
FRESH_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class PublishedType:
    """What a node type declares, without its code."""

    name: str
    title: str
    category: str
    description: str
    version: int
    kind: Kind
    ports: Mapping[str, Port]
    flow_ports: Mapping[str, Any]


Declared: TypeAlias = NodeType | PublishedType


def written(declared: Declared) -> dict[str, Any]:
    """A declaration as JSON."""
    return {
        "title": declared.title,
        "category": declared.category,
        "description": declared.description,
        "version": declared.version,
        "kind": declared.kind.value,
        "ports": [dict(port.config) for port in declared.ports.values()],
        "flowPorts": dict(declared.flow_ports),
    }


def read(name: str, data: Mapping[str, Any]) -> PublishedType:
    """The opposite of `written`."""
    ports = [Port.from_config(config) for config in data["ports"]]
    return PublishedType(
        name=name,
        title=data["title"],
        category=data["category"],
        description=data["description"],
        version=data["version"],
        kind=Kind(data["kind"]),
        ports={port.id: port for port in ports},
        flow_ports=data["flowPorts"],
    )


def _readable(found: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, PublishedType]]:
    """A declaration of a later release may be beyond this one; it must not hide the others."""
    for name, data in found.items():
        try:
            yield name, read(name, data)
        except (KeyError, ValueError) as error:
            log.warning("the published node type %s cannot be read: %s", name, error)


class KnownTypes:
    """Node types by name. Iterates over the names, sorted. What is here goes before the rest."""

    def __init__(
        self,
        here: Catalog,
        registry: TypeRegistry,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._here = here
        self._registry = registry
        self._monotonic = monotonic
        self._published: Mapping[str, PublishedType] = {}
        self._read_at: float | None = None

    def get(self, name: str) -> Declared | None:
        return self._here.get(name) or self._published.get(name)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._here, *self._published}))

    async def learn(self, names: Iterable[str] = ()) -> None:
        """Read what was published if one of these is unknown, or the last time is long ago."""
        known = all(self.get(name) is not None for name in names)
        if known and self._is_fresh():
            return
        now = self._monotonic()
        found = await self._registry.published()
        self._published = dict(_readable(found))
        self._read_at = now

    async def publish(self) -> None:
        """Tell everybody of the types whose code is here."""
        types = {name: written(self._here[name]) for name in self._here}
        await self._registry.publish(types)

    def _is_fresh(self) -> bool:
        return self._read_at is not None and self._monotonic() - self._read_at < FRESH_SECONDS


class MemoryTypeRegistry:
    """See `execution.ports.TypeRegistry`."""

    def __init__(self) -> None:
        self._types: dict[str, Mapping[str, Any]] = {}

    async def publish(self, types: Mapping[str, Mapping[str, Any]]) -> None:
        self._types.update(types)

    async def published(self) -> dict[str, Mapping[str, Any]]:
        return dict(self._types)
