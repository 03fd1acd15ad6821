"""Flows are checked by what workers publish, where their code is not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from chaingraph.engine.authoring import node
from chaingraph.engine.catalog import Catalog
from chaingraph.execution.known_types import (
    FRESH_SECONDS,
    KnownTypes,
    MemoryTypeRegistry,
    read,
    written,
)
from chaingraph.nodes import builtin_catalog


@node(version=3)
def shout_node(text: str, loud: bool = True) -> str:
    """Say it in capitals."""
    return text.upper() if loud else text


class CountingRegistry(MemoryTypeRegistry):
    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    async def published(self) -> dict[str, Mapping[str, Any]]:
        self.reads += 1
        return await super().published()


class Watch:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("name", builtin_catalog())
def test_a_declaration_survives_the_way_through_the_database(name: str) -> None:
    known = builtin_catalog()[name]
    found = read(name, json.loads(json.dumps(written(known))))
    for member in ("name", "title", "category", "description", "version", "kind", "flow_ports"):
        assert getattr(found, member) == getattr(known, member), member
    assert found.ports == known.ports


async def test_a_type_that_a_worker_publishes_becomes_known_when_it_is_asked_for() -> None:
    registry = MemoryTypeRegistry()
    front = KnownTypes(Catalog(), registry)
    await front.learn(["ShoutNode"])
    assert front.get("ShoutNode") is None

    await KnownTypes(Catalog.of(shout_node), registry).publish()
    await front.learn(["ShoutNode"])

    found = front.get("ShoutNode")
    assert found is not None
    assert (list(front), found.version) == (["ShoutNode"], 3)


async def test_what_is_known_is_read_again_only_when_it_is_old() -> None:
    registry, watch = CountingRegistry(), Watch()
    await KnownTypes(Catalog.of(shout_node), registry).publish()
    front = KnownTypes(Catalog(), registry, watch)
    reads = []
    for passed in (0.0, FRESH_SECONDS - 1, 2.0):
        watch.now += passed
        await front.learn(["ShoutNode"])
        reads.append(registry.reads)
    assert reads == [1, 1, 2]


async def test_what_is_here_goes_before_what_was_published() -> None:
    registry = MemoryTypeRegistry()
    await registry.publish({"ShoutNode": {**written(Catalog.of(shout_node)["ShoutNode"])}})
    here = Catalog.of(shout_node)
    types = KnownTypes(here, registry)
    await types.learn(["SomethingElse"])
    assert types.get("ShoutNode") is here["ShoutNode"]


async def test_a_declaration_beyond_this_release_does_not_hide_the_others() -> None:
    registry = MemoryTypeRegistry()
    known = written(Catalog.of(shout_node)["ShoutNode"])
    strange = {**known, "ports": [{"id": "p", "type": "hologram"}]}
    await registry.publish({"ShoutNode": known, "LaterNode": strange, "WorseNode": {}})
    types = KnownTypes(Catalog(), registry)
    await types.learn()
    assert list(types) == ["ShoutNode"]
