"""Every interleaving of the kernel's actions, with crashes, stalls, lost answers and doubles.

With all rules kept no promise breaks. Without any one of them, some promise does.
"""

from __future__ import annotations

import pytest

from tests.model.explore import explore
from tests.model.kernel import RULES

COMMANDS = (
    ("start", "stop"),
    ("start", "start"),
    ("start", "start", "stop"),
    ("start", "stop", "stop"),
)

#: A rule, how many faults it takes to break a promise without it, and which one breaks.
WITHOUT = (
    ("terminal_checks_inbox", 0, "a stop was accepted, and the flow completed"),
    ("deliver_atomic", 0, "I2"),
    ("claim_by_number", 2, "I3"),
    ("take_over_new_number", 2, "I3"),
    ("start_fenced", 0, "I3"),
    ("stop_with_its_event", 1, "a stop was accepted, and the flow completed"),
    ("position_cas", 1, "I3"),
    ("self_audit", 1, "I7"),
    ("new_worker_id", 1, "I7"),
    ("scan_queued", 1, "I7"),
)


@pytest.mark.parametrize("commands", COMMANDS, ids="-".join)
def test_no_promise_breaks_with_one_fault(commands: tuple[str, ...]) -> None:
    found = explore(commands, faults=1)
    assert found.broken == "", found.trace
    assert found.states > 1_000


def test_no_promise_breaks_with_two_faults_and_racing_starts() -> None:
    found = explore(("start", "start"), faults=2)
    assert found.broken == "", found.trace
    assert found.states > 50_000


@pytest.mark.chaos
@pytest.mark.timeout(600)
@pytest.mark.parametrize("commands", COMMANDS, ids="-".join)
def test_no_promise_breaks_with_two_faults(commands: tuple[str, ...]) -> None:
    found = explore(commands, faults=2)
    assert found.broken == "", found.trace


@pytest.mark.parametrize(("rule", "faults", "promise"), WITHOUT, ids=[each[0] for each in WITHOUT])
def test_without_a_rule_a_promise_breaks(rule: str, faults: int, promise: str) -> None:
    found = explore(("start", "stop"), faults, frozenset({rule}))
    assert found.broken.startswith(promise), found.trace


def test_every_rule_is_switched_off_once() -> None:
    assert sorted(rule for rule, *_ in WITHOUT) == sorted(RULES)
