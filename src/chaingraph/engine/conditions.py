"""Conditions of breakpoints: `value.price > 100 and status in ["new", "paid"]`.

A small part of Python's expressions: values by name, members and items of them, comparisons,
arithmetic of numbers, and the functions below. They come from whoever may steer an execution, so
they are kept from doing anything else, and from lasting: what one costs is bounded by its length
times the size of the values.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from simpleeval import EvalWithCompoundTypes

from chaingraph.errors import BadInput

LONGEST = 500
#: Numbers of more bits are no doubles any more.
_WIDEST = 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a condition holds. With a problem it does: somebody should look."""

    holds: bool
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    text: str
    _tree: ast.expr = field(repr=False, compare=False)

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Raises BadInput, saying why, for what is no condition."""
        if len(text) > LONGEST:
            raise BadInput(f"A condition has at most {LONGEST} characters, this one {len(text)}")
        try:
            tree = ast.parse(text.strip(), mode="eval").body
            _check(tree)
            return cls(text, _Members().visit(tree))
        except SyntaxError as error:
            raise BadInput(f"The condition {text!r} cannot be read: {error.msg}") from error
        except (ValueError, RecursionError, MemoryError) as error:
            raise BadInput(f"The condition {text!r} cannot be read") from error

    def holds(self, names: Mapping[str, Any]) -> Outcome:
        """Whether it is true of these values. Never raises."""
        evaluator = EvalWithCompoundTypes(_OPERATORS, dict(_FUNCTIONS), dict(names))
        try:
            return Outcome(bool(evaluator.eval(self.text, previously_parsed=self._tree)))
        except Exception as error:  # whatever the values do to it
            return Outcome(True, f"{type(error).__name__}: {error}"[:LONGEST])


def _check(tree: ast.expr) -> None:
    """Raises SyntaxError for what a condition must not use."""
    for each in ast.walk(tree):
        if not isinstance(each, _ALLOWED):
            raise SyntaxError(f"there is no {type(each).__name__} in a condition")
        if isinstance(each, ast.Call) and not _is_known(each):
            raise SyntaxError(f"the only functions are {', '.join(_FUNCTIONS)}")


def _is_known(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id in _FUNCTIONS


class _Members(ast.NodeTransformer):
    """`value.price` is a member of an object, never an attribute of what holds it in memory."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.Subscript:
        return ast.Subscript(self.visit(node.value), ast.Constant(node.attr), node.ctx)


def _of_numbers(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Only of numbers: repeated or formatted, a text of any size is made of two characters."""

    def apply(left: Any, right: Any) -> Any:
        if not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise TypeError("arithmetic is for numbers")
        result = operation(left, right)
        if isinstance(result, int) and result.bit_length() > _WIDEST:
            raise OverflowError("the number is too large")
        return result

    return apply


def _text(value: Any) -> str:
    """Only of scalars: each turn of a list within a list would double the backslashes."""
    if not isinstance(value, str | int | float | None):
        raise TypeError("str is for texts and numbers")
    return str(value)


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "len": len,
    "str": _text,
    "int": int,
    "float": float,
    "bool": bool,
    "abs": abs,
    "min": min,
    "max": max,
}
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: _of_numbers(operator.add),
    ast.Sub: _of_numbers(operator.sub),
    ast.Mult: _of_numbers(operator.mul),
    ast.Div: _of_numbers(operator.truediv),
    ast.FloorDiv: _of_numbers(operator.floordiv),
    ast.Mod: _of_numbers(operator.mod),
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda item, container: item in container,
    ast.NotIn: lambda item, container: item not in container,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_ALLOWED = (
    ast.Name,
    ast.Load,
    ast.Constant,
    ast.Attribute,
    ast.Subscript,
    ast.List,
    ast.Tuple,
    ast.Call,
    ast.UnaryOp,
    ast.BinOp,
    ast.Compare,
    ast.IfExp,
    ast.BoolOp,
    ast.And,
    ast.Or,
    *_OPERATORS,
)
