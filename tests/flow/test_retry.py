from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaingraph.errors import BadInput
from chaingraph.flow.retry import Retry, problems, timeout_of

WHOLE = {
    "attempts": 5,
    "delayMs": 200,
    "factor": 3,
    "maxDelayMs": 1000,
    "jitter": 0.5,
    "on": ["TimeoutError", "Path is"],
    "then": "pause",
}


def test_a_node_without_a_policy_is_tried_once_and_as_long_as_it_takes() -> None:
    assert Retry.of({}) is None and Retry.of({"retry": None}) is None
    assert timeout_of({}) is None


def test_what_is_not_said_has_a_default() -> None:
    assert Retry.of({"retry": {"attempts": 3}}) == Retry(3, 1000, 2, 3_600_000, 0, (), "fail")
    assert Retry.of({"retry": WHOLE}) == Retry(
        5, 200, 3, 1000, 0.5, ("TimeoutError", "Path is"), "pause"
    )
    assert timeout_of({"timeoutMs": 250}) == 250


def test_waits_grow_up_to_a_limit() -> None:
    retry = Retry(9, delay_ms=200, factor=3, max_delay_ms=1000)
    assert [retry.delay(attempt, 0.7) for attempt in (1, 2, 3, 1_000_000_000)] == [
        200,
        600,
        1000,
        1000,
    ]
    assert Retry(9, delay_ms=0).delay(1_000_000_000, 0) == 0


def test_jitter_makes_waits_shorter_by_chance() -> None:
    retry = Retry(9, delay_ms=1000, factor=1, jitter=0.4)
    assert [retry.delay(1, random) for random in (0, 0.5, 1)] == [1000, 800, 600]


sizes = st.floats(0, 10**12) | st.integers(0, 10**12)


@given(
    sizes, sizes, sizes, st.floats(0, 1), st.integers(1, 10**9), st.floats(0, 1, exclude_max=True)
)
def test_a_wait_is_never_negative_and_never_above_its_limit(
    delay_ms: float, factor: float, most: float, jitter: float, attempt: int, random: float
) -> None:
    retry = Retry(2, delay_ms, factor, most, jitter)
    assert 0 <= retry.delay(attempt, random) <= round(most)


@pytest.mark.parametrize(
    ("name", "message", "covered"),
    [
        ("TimeoutError", "", True),
        ("ConnectionError", "no route", False),
        ("Error", "Path is required", True),
        ("Error", "The Path is required", False),
    ],
)
def test_only_named_errors_are_worth_another_try(name: str, message: str, covered: bool) -> None:
    retry = Retry(2, on=("TimeoutError", "Path is"))
    assert retry.covers(name, message) is covered
    assert Retry(2).covers(name, message)


@pytest.mark.parametrize(
    ("retry", "problem"),
    [
        (3, "retry must be a mapping with attempts, not 3"),
        ({}, "retry must say how many attempts there are"),
        ({"attempts": 0}, "retry.attempts must be a whole number from 1 on, not 0"),
        ({"attempts": True}, "retry.attempts must be a whole number from 1 on, not True"),
        ({"attempts": 2.5}, "retry.attempts must be a whole number from 1 on, not 2.5"),
        ({"attempts": 1, "delayMs": -1}, "retry.delayMs must be a number from 0 to "),
        ({"attempts": 1, "delayMs": 10**400}, "retry.delayMs must be a number from 0 to "),
        ({"attempts": 1, "factor": float("nan")}, "retry.factor must be a number from 0 to "),
        ({"attempts": 1, "maxDelayMs": "1h"}, "retry.maxDelayMs must be a number from 0 to "),
        ({"attempts": 1, "jitter": 1.5}, "retry.jitter must be a number from 0 to 1, not 1.5"),
        ({"attempts": 1, "on": "TimeoutError"}, "retry.on must be a list of error names"),
        ({"attempts": 1, "on": [""]}, "retry.on must be a list of error names"),
        ({"attempts": 1, "then": "retry"}, "retry.then must be fail or pause, not 'retry'"),
        ({"attempts": 1, "delay_ms": 1}, "retry has the unknown key 'delay_ms', expected some of"),
    ],
)
def test_a_wrong_policy_is_told_and_not_read(retry: Any, problem: str) -> None:
    assert [each[: len(problem)] for each in problems({"retry": retry})] == [problem]
    with pytest.raises(BadInput):
        Retry.of({"retry": retry})


@pytest.mark.parametrize("timeout", [0, -1, True, "1s", float("inf"), [], 10**400])
def test_a_wrong_timeout_is_told_and_not_read(timeout: Any) -> None:
    (problem,) = problems({"timeoutMs": timeout})
    assert problem.startswith("its timeout must be a number of milliseconds above 0, not ")
    with pytest.raises(BadInput):
        timeout_of({"timeoutMs": timeout})


def test_a_right_policy_has_no_problems() -> None:
    assert list(problems({"retry": WHOLE, "timeoutMs": 1})) == []
    assert list(problems({})) == []
