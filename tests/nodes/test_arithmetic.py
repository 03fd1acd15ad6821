from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaingraph.engine.authoring import NodeError
from chaingraph.nodes.arithmetic import calculate

numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)


@pytest.mark.parametrize(
    ("operation", "a", "b", "result"),
    [
        ("add", 0.1, 0.2, 0.3),
        ("subtract", 0.3, 0.1, 0.2),
        ("divide", 2, 3, 0.6666666666666666),
        ("modulo", -8, 0.3333333333333333, -8e-16),
        ("modulo", 7, -3, 1),
        ("modulo", 1e308, 7e-324, 0.0),
        ("power", 0, 0, 1),
        ("power", 2, -2, 0.25),
        ("power", 2, 0.5, 1.4142135623730951),
        ("percentage", 1, 3, 33.333333333333336),
        ("log_base", 1000, 10, 3),
        ("average", -1, 2, 0.5),
        ("absolute_difference", -5, 5, 10),
    ],
)
def test_operations_compute_in_decimal(operation: str, a: float, b: float, result: float) -> None:
    assert calculate(operation, a, b) == result


def test_whole_results_are_whole_numbers() -> None:
    assert repr(calculate("multiply", 2.5, 2)) == "5"
    assert repr(calculate("multiply", 1e21, 1)) == "1e+21"
    assert repr(calculate("subtract", 0.0, 0.0)) == "0"


@pytest.mark.parametrize("nothing", [float("nan"), float("inf"), None, "x", "NaN", True])
def test_what_is_no_finite_number_counts_as_zero(nothing: float) -> None:
    assert calculate("add", nothing, 2) == 2


def test_decimal_text_is_a_number() -> None:
    assert calculate("add", "1.5", 1) == 2.5  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("operation", "a", "b", "sentence"),
    [
        ("divide", 1, 0, "Division by zero is not allowed"),
        ("percentage", 1, 0, "Division by zero is not allowed"),
        ("modulo", 1, 0, "Modulo by zero is not allowed"),
        ("power", -8, 0.5, "Cannot raise negative number to non-integer power"),
        ("power", 0, -1, "The result is not a finite number"),
        ("power", 10, 400, "The result is not a finite number"),
        ("multiply", 1e308, 10, "The result is not a finite number"),
        ("log_base", 0, 10, "Cannot take the logarithm of a non-positive number"),
        ("log_base", 5, 1, "Log base must be positive and not equal to 1"),
        ("cube", 1, 1, "Unknown operation: cube"),
        (None, 1, 1, "Unknown operation: undefined"),
    ],
)
def test_what_has_no_result_is_an_error(
    operation: str | None, a: float, b: float, sentence: str
) -> None:
    with pytest.raises(NodeError) as caught:
        calculate(operation, a, b)
    assert str(caught.value) == sentence


@given(numbers, numbers)
def test_a_remainder_is_smaller_than_the_divisor_and_signed_like_the_dividend(
    a: float, b: float
) -> None:
    if b:
        rest = calculate("modulo", a, b)
        assert abs(rest) <= abs(b)
        assert rest == 0 or (rest < 0) == (a < 0)
