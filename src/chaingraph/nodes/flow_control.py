"""Nodes that decide what runs, and when."""

from __future__ import annotations

import math
from collections.abc import Callable
from operator import ge, gt, le, lt
from typing import Annotated, Any, Literal, TypeAlias

from chaingraph.engine.authoring import node, output, passthrough, port
from chaingraph.flow.ports import Json
from chaingraph.nodes.javascript import to_number, to_string

Operator = Literal[
    "equals",
    "notEquals",
    "greaterThan",
    "lessThan",
    "greaterThanOrEquals",
    "lessThanOrEquals",
    "contains",
    "notContains",
    "startsWith",
    "endsWith",
]

_TITLES = {
    "equals": "Equals (=)",
    "notEquals": "Not Equals (≠)",
    "greaterThan": "Greater Than (>)",
    "lessThan": "Less Than (<)",
    "greaterThanOrEquals": "Greater Than or Equals (≥)",
    "lessThanOrEquals": "Less Than or Equals (≤)",
}


@node(category="flow", kind="pure", quick=True)
def branch_node(
    leftValue: Any = None,
    operator: Annotated[Operator, port(titles=_TITLES)] = "equals",
    rightValue: Any = None,
) -> Annotated[bool, port(False)]:
    """Compares two values: as numbers if both can be read as such, else as text."""
    return _COMPARISONS[operator](leftValue, rightValue)


def _equals(left: Json, right: Json) -> bool:
    if left is None or right is None:
        return left is right
    a, b = to_number(left), to_number(right)
    if not (math.isnan(a) or math.isnan(b)):
        return a == b
    # Two texts; values of two types, or two objects, are never the same.
    return isinstance(left, str) and left == right


def _ordered(by: Callable[[Any, Any], bool]) -> Comparison:
    def compare(left: Json, right: Json) -> bool:
        a, b = to_number(left), to_number(right)
        if math.isnan(a) or math.isnan(b):
            return by(to_string(left), to_string(right))
        return by(a, b)

    return compare


Comparison: TypeAlias = Callable[[Json, Json], bool]

_COMPARISONS: dict[str, Comparison] = {
    "equals": _equals,
    "notEquals": lambda left, right: not _equals(left, right),
    "greaterThan": _ordered(gt),
    "lessThan": _ordered(lt),
    "greaterThanOrEquals": _ordered(ge),
    "lessThanOrEquals": _ordered(le),
    "contains": lambda left, right: to_string(right) in to_string(left),
    "notContains": lambda left, right: to_string(right) not in to_string(left),
    "startsWith": lambda left, right: to_string(left).startswith(to_string(right)),
    "endsWith": lambda left, right: to_string(left).endswith(to_string(right)),
}


@node(category="flow", kind="pure", quick=True)
class SwitchNode:
    """Sets the case that equals the input to true and all others to false.

    The cases are the properties of `caseObject`, added in the editor.
    """

    input: str = ""
    caseObject: dict[str, bool] | None = output(title="Cases")
    default: bool = output(False, title="Default")

    def run(self) -> None:
        cases = self.caseObject or {}
        self.caseObject = {case: case == self.input for case in cases}
        self.default = self.input not in cases


@node(category="flow", title="Gate", kind="pure", quick=True)
class GateNodeV2:
    """Holds values back until all that are connected have arrived."""

    gate: dict[str, Any] | None = passthrough(title="Gate")


@node(category="group", kind="pure", quick=True)
class GroupNode:
    """A frame around nodes; complete when they are."""
