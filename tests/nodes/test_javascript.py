from __future__ import annotations

import math
from typing import Any

import pytest

from chaingraph.nodes.javascript import number_text, to_number, to_string, utf16_length


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (None, 0),
        (True, 1),
        (2.5, 2.5),
        (" 12 ", 12),
        ("", 0),
        ("1e3", 1000),
        (".5", 0.5),
        ("0x1F", 31),
        ("-Infinity", -math.inf),
        ([], 0),
        (["7"], 7),
        (10**400, math.inf),
    ],
)
def test_what_can_be_read_as_a_number(value: Any, number: float) -> None:
    assert to_number(value) == number


@pytest.mark.parametrize("value", ["abc", "1_000", "inf", "nan", "0x", "0x-1", "1 2", [1, 2], {}])
def test_what_is_no_number(value: Any) -> None:
    assert math.isnan(to_number(value))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (10.0, "10"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (123456789012345680000.0, "123456789012345680000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (1e-6, "0.000001"),
        (1.2e-7, "1.2e-7"),
        (100, "100"),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
    ],
)
def test_numbers_are_written_in_the_fewest_digits(number: float, text: str) -> None:
    assert number_text(number) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (False, "false"),
        (1.0, "1"),
        ([1, None, ["a"]], "1,,a"),
        ({"a": 1}, "[object Object]"),
    ],
)
def test_every_value_has_a_text(value: Any, text: str) -> None:
    assert to_string(value) == text


def test_length_counts_utf16_units() -> None:
    assert utf16_length("a😀") == 3
    assert utf16_length("\ud83d") == 1
