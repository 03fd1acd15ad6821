from __future__ import annotations

from typing import Any

import pytest

from chaingraph.engine.authoring import NodeError, node_type_of
from chaingraph.nodes.arrays import ArrayElementNode, array_length_node
from tests.nodes.contexts import run_body


@pytest.mark.parametrize(
    ("array", "index", "sentence"),
    [
        (None, 0, "Input is not an array"),
        ("abc", 0, "Input is not an array"),
        ([1], 1, "Index 1 is out of range"),
        ([1], -1, "Index -1 is out of range"),
        ([], 0, "Index 0 is out of range"),
    ],
)
async def test_an_item_that_is_not_there_is_an_error(array: Any, index: int, sentence: str) -> None:
    with pytest.raises(NodeError) as caught:
        await run_body(node_type_of(ArrayElementNode), {"array": array, "index": index})
    assert str(caught.value) == sentence


def test_what_is_no_list_has_no_items() -> None:
    assert array_length_node("abc") == 0  # type: ignore[arg-type]
    assert array_length_node([None]) == 1
