from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import pytest

from chaingraph.engine.events import Event, EventType
from chaingraph.execution.fold import fold, onto
from chaingraph.execution.ports import NewExecution
from chaingraph.execution.records import Dispatch, Disposition, Entry, Status, Stored
from chaingraph.execution.verify import verify
from chaingraph.superjson import JsError

Step: TypeAlias = tuple[EventType, dict[str, object]]
BEGIN = 1_700_000_000_123


def journal(*steps: Step) -> list[Event]:
    """Events at positions 0, 1, 2, …, one millisecond apart."""
    return [Event(at, type_, BEGIN + at, data) for at, (type_, data) in enumerate(steps)]


CREATED: Step = (EventType.EXECUTION_CREATED, {})
STARTED: Step = (EventType.FLOW_STARTED, {})
NODE_STARTED: Step = (EventType.NODE_STARTED, {"nodeId": "a"})
NODE_COMPLETED: Step = (EventType.NODE_COMPLETED, {"nodeId": "a", "values": {}})
NODE_FAILED: Step = (EventType.NODE_FAILED, {"nodeId": "a", "error": JsError("Error", "no")})
NODE_SKIPPED: Step = (EventType.NODE_SKIPPED, {"nodeId": "a", "reason": "no"})
COMPLETED: Step = (EventType.FLOW_COMPLETED, {"executionTime": 3})
FAILED: Step = (EventType.FLOW_FAILED, {"error": JsError("Error", "no"), "nodeId": "a"})

GOOD = journal(CREATED, STARTED, NODE_STARTED, NODE_COMPLETED, COMPLETED)


def row_of(events: Sequence[Event]) -> Stored:
    """The row that fits to these events."""
    created = Entry(0, EventType.EXECUTION_CREATED.value, BEGIN, b"{}")
    row = NewExecution("EX1", "V2", "local", "hash", b"{}", created, "EX1").row
    dispatch = Dispatch(Disposition.DONE, 1, None, len(events), 0, 0, "hash")
    return Stored(onto(row, fold(events)), dispatch)


def findings(stored: Stored, events: Sequence[Event]) -> list[str]:
    return list(map(str, verify(stored, events)))


@pytest.mark.parametrize(
    "events",
    [
        GOOD,
        GOOD[:1],
        GOOD[:3],
        journal(CREATED, STARTED, NODE_STARTED, NODE_STARTED, NODE_COMPLETED, COMPLETED),
        journal(CREATED, STARTED, NODE_STARTED, FAILED),
    ],
    ids=["completed", "created", "running", "started again after a crash", "failed"],
)
def test_a_sound_journal_has_no_findings(events: list[Event]) -> None:
    assert findings(row_of(events), events) == []


def test_a_gap_is_found() -> None:
    found = findings(row_of(GOOD), [*GOOD[:1], *GOOD[3:]])
    assert found[0] == "I1: positions 1 to 2 are missing"


def test_a_double_is_found() -> None:
    twice = [*GOOD[:3], *GOOD[2:]]
    assert findings(row_of(GOOD), twice) == ["I1: position 2 comes after position 2"]


def test_an_end_that_is_missing_is_found() -> None:
    found = findings(row_of(GOOD), GOOD[:4])
    assert "I2: the status is completed and there are 0 terminal events" in found
    assert "I6: status is completed in the row and running in the journal" in found
    assert "I6: the next position is 5 in the row and 4 in the journal" in found


def test_a_second_end_is_found() -> None:
    events = journal(CREATED, STARTED, COMPLETED, COMPLETED)
    assert findings(row_of(events), events) == [
        "I2: the status is completed and there are 2 terminal events"
    ]


def test_what_follows_the_end_is_found() -> None:
    events = journal(CREATED, STARTED, COMPLETED, NODE_STARTED)
    assert findings(row_of(events), events) == [
        "I2: events follow the terminal event at position 2"
    ]


def test_an_end_of_what_goes_on_is_found() -> None:
    stored = row_of(GOOD)
    stored = replace(stored, row=replace(stored.row, status=Status.RUNNING, completed_at=None))
    found = findings(stored, GOOD)
    assert found[0] == "I2: the status is running and there are 1 terminal events"


@pytest.mark.parametrize("end", [NODE_COMPLETED, NODE_FAILED, NODE_SKIPPED])
@pytest.mark.parametrize(
    ("again", "what"), [(NODE_STARTED, "starts again"), (NODE_COMPLETED, "ends again")]
)
def test_an_ended_node_that_comes_back_is_found(end: Step, again: Step, what: str) -> None:
    events = journal(CREATED, STARTED, NODE_STARTED, end, again, COMPLETED)
    expected = f"I3: node a {what} at position 4, it had ended at position 3"
    assert findings(row_of(events), events) == [expected]


def test_every_column_of_the_row_is_compared() -> None:
    events = journal(CREATED, STARTED, NODE_STARTED, FAILED)
    stored = row_of(events)
    row = replace(
        stored.row,
        started_at=None,
        completed_at=None,
        error_message="another",
        error_node_id=None,
    )
    found = findings(replace(stored, row=row), events)
    columns = ["started_at", "completed_at", "error_message", "error_node_id"]
    assert [each.split()[1] for each in found] == columns
