from __future__ import annotations

from typing import Any

import pytest

from chaingraph.engine.authoring import node_type_of
from chaingraph.nodes.flow_control import GateNodeV2, GroupNode, SwitchNode, branch_node
from tests.nodes.contexts import run_body


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ([1], 1, True),
        ({"a": 1}, {"a": 1}, False),
        (None, None, True),
        (None, 0, False),
        ("a", "a", True),
        (" 7 ", 7.0, True),
    ],
)
def test_equality_of_numbers_texts_and_objects(left: Any, right: Any, same: bool) -> None:
    assert branch_node(left, "equals", right) is same
    assert branch_node(left, "notEquals", right) is not same


def test_text_is_compared_when_one_side_is_no_number() -> None:
    assert branch_node("b", "greaterThan", "10")
    assert branch_node("10", "greaterThan", "9")


async def test_a_switch_keeps_its_cases_and_moves_the_truth() -> None:
    values = {"input": "b", "caseObject": {"a": True, "b": False}, "default": True}
    assert await run_body(node_type_of(SwitchNode), values) == {
        "caseObject": {"a": False, "b": True},
        "default": False,
    }


async def test_a_switch_without_cases_takes_the_default() -> None:
    given = await run_body(node_type_of(SwitchNode), {"input": "b"})
    assert given == {"caseObject": {}, "default": True}


async def test_a_gate_passes_its_values_on() -> None:
    gate = {"gate-input-1": [1]}
    assert await run_body(node_type_of(GateNodeV2), {"gate": gate}) == {"gate": gate}


async def test_a_group_has_nothing_to_do() -> None:
    assert await run_body(node_type_of(GroupNode)) == {}
