"""Which time counts against the time-out of a flow."""

from __future__ import annotations

from chaingraph.engine.events import EventType
from chaingraph.execution.active_time import ActiveTime


def after(*events: tuple[EventType, int]) -> ActiveTime:
    active = ActiveTime()
    for type_, at in events:
        active.saw(type_, at)
    return active


BEGUN = (EventType.EXECUTION_CREATED, 0), (EventType.FLOW_STARTED, 100)


def test_it_counts_from_the_start() -> None:
    assert after(*BEGUN).until(150) == 50


def test_what_is_parked_does_not_count() -> None:
    parked = (EventType.FLOW_PARKED, 120), (EventType.NODE_ANSWERED, 1_000)
    assert after(*BEGUN, *parked).until(1_030) == 50


def test_what_a_fork_took_over_does_not_count() -> None:
    taken_over = ((EventType.NODE_STARTED, 5), (EventType.NODE_COMPLETED, 9))
    assert after(BEGUN[0], *taken_over, BEGUN[1]).until(150) == 50


def test_after_a_crash_only_the_time_up_to_the_last_event_was_spent() -> None:
    assert after(*BEGUN, (EventType.NODE_STARTED, 130)).spent == 30
