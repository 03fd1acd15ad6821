"""How many appends an execution costs."""

from __future__ import annotations

import pytest

from chaingraph.engine.authoring import node
from tests.laboratory import lab_of


@node(name="Next", kind="effect")
async def following(number: int = 0) -> int:
    return number + 1


@pytest.mark.parametrize("length", [1, 2, 5])
async def test_a_step_from_effect_to_effect_is_one_append(length: int) -> None:
    lab, flow = lab_of(following)
    before = flow.add("Next", "n0")
    for number in range(1, length):
        before = flow.add("Next", f"n{number}", number=before["result"])
    await lab.run(flow.build())
    assert len(lab.journal.boundaries) == 1 + (length - 1) + 1
