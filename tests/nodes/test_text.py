from __future__ import annotations

import pytest

from chaingraph.engine.authoring import NodeError
from chaingraph.nodes.text import (
    number_to_string_node,
    string_length_node,
    text_search_node,
)


@pytest.mark.parametrize(
    ("number", "places", "text"),
    [
        (1.005, 2, "1.01"),
        (-2.5, 0, "-3"),
        (-1e-9, 2, "-0.00"),
        (-0.0, 1, "0.0"),
        (1e300, 0, "1" + "0" * 300),
        (5e-324, -1, "5e-324"),
    ],
)
def test_numbers_are_rounded_half_up_in_decimal(number: float, places: int, text: str) -> None:
    assert number_to_string_node(number, places) == text


@pytest.mark.parametrize(
    ("number", "places", "text"),
    [(1234.5678, 2, "1.23e+3"), (9.99, 1, "1.0e+1"), (-0.00012, -1, "-1.2e-4"), (100, -1, "1e+2")],
)
def test_numbers_in_exponential_form(number: float, places: int, text: str) -> None:
    assert number_to_string_node(number, places, True) == text


@pytest.mark.parametrize("places", [-2, 1.5, 101])
def test_odd_decimal_places_are_refused(places: int) -> None:
    with pytest.raises(NodeError, match="whole number from -1 to 100"):
        number_to_string_node(1, places)


def test_null_is_an_empty_text() -> None:
    assert string_length_node(None) == 0
    assert text_search_node(None, "a") is False
    assert text_search_node("a", None) is True


def test_search_does_not_mind_capitals() -> None:
    assert text_search_node("Hello World", "LO W")
