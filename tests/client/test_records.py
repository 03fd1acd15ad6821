"""What the client knows of executions is what the server knows."""

from __future__ import annotations

from dataclasses import fields

from chaingraph.client import Execution, Status, records
from chaingraph.engine import events
from chaingraph.execution.records import ExecutionRow
from chaingraph.execution.records import Status as ServerStatus


def test_an_execution_has_the_members_of_the_row() -> None:
    assert [each.name for each in fields(Execution)] == [each.name for each in fields(ExecutionRow)]


def test_the_states_and_endings_are_the_same() -> None:
    assert {s.value: s.is_terminal for s in Status} == {
        s.value: s.is_terminal for s in ServerStatus
    }
    assert {each.value for each in events.TERMINAL} == records.TERMINAL
