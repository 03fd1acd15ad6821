from __future__ import annotations

from collections.abc import Callable

import pytest

from chaingraph.flow.ids import (
    ALPHABET,
    new_event_id,
    new_execution_id,
    stable_edge_id,
    stable_flow_id,
)


@pytest.mark.parametrize(
    ("make", "prefix", "length"),
    [
        (new_execution_id, "EX", 24),
        (new_event_id, "EV", 24),
        (lambda: stable_flow_id("a"), "V2", 24),
        (lambda: stable_edge_id("a.b -> c.d"), "ED", 18),
    ],
)
def test_ids_have_their_prefix_length_and_letters(
    make: Callable[[], str], prefix: str, length: int
) -> None:
    made = make()
    assert made.startswith(prefix)
    assert len(made) == len(prefix) + length
    assert set(made[2:]) <= set(ALPHABET)


def test_new_ids_differ_and_stable_ids_follow_their_text() -> None:
    assert new_execution_id() != new_execution_id()
    assert stable_flow_id("a") == stable_flow_id("a") != stable_flow_id("b")
