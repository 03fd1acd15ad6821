"""Recorded runs of single nodes: values in, values or an error out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chaingraph.engine.node import NodeType
from chaingraph.nodes import builtin_catalog
from tests.nodes.contexts import run_body

RECORDED = Path(__file__).parent / "data" / "vectors.jsonl"
VECTORS = [json.loads(line) for line in RECORDED.read_text("utf-8").splitlines()]
CATALOG = builtin_catalog()

#: the editor added these cases to the recorded node
STORED = {"SwitchNode": {"caseObject": {"a": False, "b": False}}}


@pytest.mark.parametrize("node_type", sorted({each["type"] for each in VECTORS}))
async def test_a_node_gives_what_was_recorded(node_type: str) -> None:
    for vector in VECTORS:
        if vector["type"] == node_type:
            assert await outcome(CATALOG[node_type], vector["inputs"]) == expected(vector), vector


def expected(vector: dict[str, Any]) -> dict[str, Any]:
    outputs = {
        key: None if value == "__undefined__" else value for key, value in vector["outputs"].items()
    }
    return {"error": vector.get("error"), "outputs": outputs}


async def outcome(node_type: NodeType, inputs: dict[str, Any]) -> dict[str, Any]:
    """The values of all outputs afterwards: those that are not given keep their default."""
    values = STORED.get(node_type.name, {}) | inputs
    held = {
        key: values.get(key, each.default)
        for key, each in node_type.ports.items()
        if each.direction.gives_values
    }
    try:
        return {"error": None, "outputs": held | await run_body(node_type, values)}
    except Exception as error:
        return {"error": str(error), "outputs": held}
