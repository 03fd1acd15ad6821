from __future__ import annotations

from typing import Any

import pytest

from chaingraph.engine.authoring import node_type_of
from chaingraph.engine.node import Kind
from chaingraph.nodes import BUILT_IN, builtin_catalog
from chaingraph.nodes.utilities import debug_log_node
from tests.nodes.contexts import MemoryContext, run_body


def test_all_built_in_nodes_are_in_the_catalog() -> None:
    assert set(builtin_catalog()) == {each.name for each in BUILT_IN}
    assert len(BUILT_IN) == 31


def test_catalogs_are_independent() -> None:
    assert builtin_catalog() is not builtin_catalog()


def test_only_requests_have_effects_and_sync_bodies_are_quick() -> None:
    effects = [each.name for each in BUILT_IN if each.kind is not Kind.PURE]
    assert effects == ["HttpRequestNode"]
    assert all(each.quick is not each.is_async for each in BUILT_IN)


def test_every_node_tells_what_it_does() -> None:
    assert [each.name for each in BUILT_IN if not each.description] == []


@pytest.mark.parametrize(
    ("name", "port", "value"),
    [
        ("NumberNode", "num", 4.5),
        ("TextNode", "text", "t"),
        ("BooleanNode", "flag", True),
        ("ArrayNode", "array", [1]),
        ("ObjectNode", "object", {"a": 1}),
    ],
)
async def test_basic_values_pass_through(name: str, port: str, value: Any) -> None:
    given = await run_body(builtin_catalog()[name], {port: value})
    assert given[port] == value


async def test_a_debug_log_writes_a_line() -> None:
    ctx = MemoryContext()
    assert await run_body(node_type_of(debug_log_node), {"message": "hello"}, ctx) == {}
    assert ctx.lines == ["hello"]
