from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chaingraph.cli.flow_files import names_file, read_inputs
from chaingraph.errors import BadInput
from chaingraph.flow.codec import parse_flow_text
from chaingraph.nodes import builtin_catalog

TYPES = builtin_catalog()
FLOW = parse_flow_text(
    """
    nodes:
      text: {type: TextNode}
      math: {type: MathNode}
      branch: {type: BranchNode}
      request: {type: ObjectNode}
    """,
    "flow.yaml",
    TYPES,
)


def read(*given: str) -> dict[str, Any]:
    return read_inputs(given, FLOW, TYPES)


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("text.text=5", "5"),
        ("text.text=", ""),
        ("text.text=a=b", "a=b"),
        ('text.text="quoted"', '"quoted"'),
        ("text.text=@@home", "@home"),
        ("math.operation=add", "add"),
        ("math.a=5", 5),
        ("branch.leftValue=[1, null]", [1, None]),
        ('branch.leftValue="text"', "text"),
    ],
)
def test_texts_are_taken_as_they_are_and_the_rest_is_json(given: str, value: Any) -> None:
    assert list(read(given).values()) == [value]


def test_a_file_is_read_after_the_same_rule(write: Callable[[str, str], Path]) -> None:
    text = write("text.txt", "[1]\n")
    assert read(f"text.text=@{text}") == {"text.text": "[1]\n"}
    assert read(f"branch.leftValue=@{text}") == {"branch.leftValue": [1]}


@pytest.mark.parametrize(
    "given", ["math.a=NaN", "math.a=", "branch.leftValue=text", "math.=1", "math=1", ".a=1"]
)
def test_what_cannot_be_used_is_refused(given: str) -> None:
    with pytest.raises(BadInput):
        read(given)


def test_what_is_no_file_and_looks_like_none_is_an_id(sum_file: Path) -> None:
    assert names_file(str(sum_file))
    assert names_file("nowhere.yaml")
    assert names_file("folder/flow")
    assert not names_file("V2abc")
