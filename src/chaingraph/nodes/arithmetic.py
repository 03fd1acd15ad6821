"""Decimal arithmetic: 20 significant digits, half up, then a float. 0.1 + 0.2 is 0.3."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from math import isfinite
from typing import Literal

from chaingraph.engine.authoring import NodeError, node, output, passthrough
from chaingraph.nodes.javascript import plain_number

Operation = Literal[
    "add",
    "subtract",
    "multiply",
    "divide",
    "modulo",
    "power",
    "min",
    "max",
    "average",
    "absolute_difference",
    "percentage",
    "log_base",
]

_TITLES = {
    "add": "Add (A + B)",
    "subtract": "Subtract (A - B)",
    "multiply": "Multiply (A × B)",  # noqa: RUF001
    "divide": "Divide (A ÷ B)",
    "modulo": "Modulo (A % B)",
    "power": "Power (A ^ B)",
    "min": "Min (minimum of A, B)",
    "max": "Max (maximum of A, B)",
    "average": "Average ((A + B) ÷ 2)",
    "absolute_difference": "Absolute Difference (|A - B|)",
    "percentage": "Percentage ((A ÷ B) × 100)",  # noqa: RUF001
    "log_base": "Log Base (log_B(A))",
}


@node(category="math", kind="pure", quick=True)
class MathNode:
    """Performs mathematical operations on two numbers"""

    a: float = passthrough(0, title="A", description="First number")
    b: float = passthrough(0, title="B", description="Second number")
    operation: Operation | None = passthrough(
        title="Operation", description="Mathematical operation to perform", titles=_TITLES
    )
    result: float = output(0, title="Result", description="Result of the mathematical operation")

    def run(self) -> None:
        self.result = calculate(self.operation, self.a, self.b)


def calculate(operation: str | None, a: float, b: float) -> float:
    """Raises NodeError when there is no such operation or it has no finite result."""
    compute = _OPERATIONS.get(operation or "")
    if compute is None:
        raise NodeError(f"Unknown operation: {operation or 'undefined'}")
    result = float(compute(_decimal(a), _decimal(b)))
    if not isfinite(result):
        raise NodeError("The result is not a finite number")
    return plain_number(result)


def _decimal(value: object) -> Decimal:
    """The number as written; what is no finite number counts as 0."""
    if type(value) is int:
        return Decimal(value)
    try:
        number = Decimal(repr(value) if type(value) is float else str(value))
    except InvalidOperation:
        return _ZERO
    return number if number.is_finite() else _ZERO


# No traps: what has no result is NaN or infinite, and refused in one place.
_DIGITS = Context(prec=20, rounding=ROUND_HALF_UP, traps=[])
#: the quotient of the largest and the smallest float has 632 digits before its point
_EXACT = Context(prec=700, rounding=ROUND_HALF_UP, traps=[])
_ZERO = Decimal(0)
_ONE = Decimal(1)
_TWO = Decimal(2)
_HUNDRED = Decimal(100)


def _divide(a: Decimal, b: Decimal) -> Decimal:
    if not b:
        raise NodeError("Division by zero is not allowed")
    return _DIGITS.divide(a, b)


def _modulo(a: Decimal, b: Decimal) -> Decimal:
    """The remainder; it has the sign of `a`."""
    if not b:
        raise NodeError("Modulo by zero is not allowed")
    return _DIGITS.plus(_EXACT.remainder(a, b))


def _power(a: Decimal, b: Decimal) -> Decimal:
    if not b:
        return _ONE
    if a < 0 and b != b.to_integral_value():
        raise NodeError("Cannot raise negative number to non-integer power")
    return _DIGITS.power(a, b)


def _log_base(a: Decimal, b: Decimal) -> Decimal:
    if a <= 0:
        raise NodeError("Cannot take the logarithm of a non-positive number")
    if b <= 0 or b == _ONE:
        raise NodeError("Log base must be positive and not equal to 1")
    return _DIGITS.divide(_DIGITS.ln(a), _DIGITS.ln(b))


_OPERATIONS: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "add": _DIGITS.add,
    "subtract": _DIGITS.subtract,
    "multiply": _DIGITS.multiply,
    "divide": _divide,
    "modulo": _modulo,
    "power": _power,
    "min": min,
    "max": max,
    "average": lambda a, b: _DIGITS.divide(_DIGITS.add(a, b), _TWO),
    "absolute_difference": lambda a, b: abs(_DIGITS.subtract(a, b)),
    "percentage": lambda a, b: _DIGITS.multiply(_divide(a, b), _HUNDRED),
    "log_base": _log_base,
}
