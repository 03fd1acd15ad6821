from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from chaingraph.engine.conditions import LONGEST, Condition
from chaingraph.errors import BadInput

NAMES = {
    "value": {"price": 120, "items": [{"id": "a"}, {"id": "b"}], "keys": 3},
    "status": "paid",
    "count": 7,
    "none": None,
}


def judged(text: str, names: dict[str, Any] = NAMES) -> tuple[bool, str | None]:
    outcome = Condition.parse(text).holds(names)
    return outcome.holds, outcome.problem


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("value.price > 100", True),
        ("value.price > 100 and status == 'new'", False),
        ("status in ['new', 'paid']", True),
        ("status not in ('new', 'paid')", False),
        ("value['items'][1].id == 'b'", True),
        ("value.items[-1]['id'] != 'b'", False),
        ("value.keys == 3", True),
        ("100 < value.price <= 120", True),
        ("len(value.items) * 2 - 1 == 3", True),
        ("count % 2", True),
        ("count // 2 / 3 == 1.0", True),
        ("max(count, 9) == 9 and min(count, 9) == 7", True),
        ("abs(-count) == int('7') == float('7')", True),
        ("str(count) == '7' if none else bool(count)", True),
        ("none is None and not none", True),
        ("none is not None", False),
        ("  True\n", True),
    ],
)
def test_a_condition_is_true_or_false_of_the_values(text: str, holds: bool) -> None:
    assert judged(text) == (holds, None)


def test_a_port_may_be_called_like_a_function() -> None:
    assert judged("min == 3 and min(5, 4) == 4", {"min": 3}) == (True, None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("missing > 1", "NameNotDefined: 'missing' is not defined"),
        ("value.weight > 1", "KeyError: 'weight'"),
        ("status.upper == 1", "TypeError: "),
        ("none.x", "TypeError: "),
        ("status > 3", "TypeError: '>' not supported"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("len(3)", "TypeError: "),
    ],
)
def test_an_error_makes_it_hold_and_is_told(text: str, problem: str) -> None:
    holds, told = judged(text)
    assert holds and told is not None and told.startswith(problem)


@pytest.mark.parametrize("text", ["-" * 499 + "1", "not " * 120 + "1", "a" + ".a" * 240])
def test_however_deep_it_is_it_is_judged_or_refused(text: str) -> None:
    with suppress(BadInput):
        assert isinstance(Condition.parse(text).holds({"a": {}}).holds, bool)


def test_a_problem_is_never_long() -> None:
    key = "k" * 100_000
    _, problem = judged("value[key]", {"value": {}, "key": key})
    assert problem is not None and len(problem) <= LONGEST


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "cannot be read"),
        ("value.price >", "cannot be read"),
        ("x = 1", "cannot be read"),
        ("import os", "cannot be read"),
        ("1; 2", "cannot be read"),
        ("a\0b", "cannot be read"),
        ("(" * 300, "cannot be read"),
        ("x" * (LONGEST + 1), "at most 500 characters, this one 501"),
        ("9**9**9", "there is no Pow"),
        ("1 << 10000", "there is no LShift"),
        ("[x for x in value]", "there is no ListComp"),
        ("{'a': 1}", "there is no Dict"),
        ("{*value}", "there is no Set"),
        ("[*value]", "there is no Starred"),
        ("f'{value:1000000000}'", "there is no JoinedStr"),
        ("lambda: 1", "there is no Lambda"),
        ("(x := 1)", "there is no NamedExpr"),
        ("value[:3]", "there is no Slice"),
        ("max(count, key=len)", "there is no keyword"),
        ("open('x')", "the only functions are len, str, int"),
        ("value.pop('price')", "the only functions are"),
        ("status.format(1)", "the only functions are"),
        ("().__class__.__bases__[0].__subclasses__()", "the only functions are"),
        ("(lambda: 1)()", "the only functions are"),
        ("len(value)(1)", "the only functions are"),
    ],
)
def test_what_is_no_condition_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason.replace("(", r"\(")):
        Condition.parse(text)


@pytest.mark.parametrize("text", ["().__class__", "value.__class__", "status.__class__.__mro__"])
def test_nothing_but_members_is_reached(text: str) -> None:
    holds, problem = judged(text)
    assert holds and problem is not None


@pytest.mark.parametrize(
    "text",
    [
        "'a' * 1000000000",
        "[0] * 1000000000",
        "value.items * 1000000000",
        "'%1000000000d' % 1",
        "status % 1",
        "str(value)",
        "str([str(['b'])])",
    ],
)
def test_no_text_or_list_grows(text: str) -> None:
    holds, problem = judged(text)
    assert holds and problem is not None and problem.startswith("TypeError")


def test_no_number_grows_beyond_a_double() -> None:
    holds, problem = judged("x * x * x", {"x": 10**200})
    assert (holds, problem) == (True, "OverflowError: the number is too large")


def test_values_are_left_as_they_were() -> None:
    value = {"items": [1, 2]}
    judged("value.clear", {"value": value})
    assert value == {"items": [1, 2]}


def test_conditions_are_equal_by_their_text() -> None:
    assert Condition.parse("a > 1") == Condition.parse("a > 1") != Condition.parse("a > 2")
