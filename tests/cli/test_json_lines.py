from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from chaingraph.cli.json_lines import record_object
from chaingraph.execution.records import Segment, Status
from chaingraph.superjson import UNDEFINED, BigInt, Custom, JsError, plain

NOON = datetime(2026, 1, 2, 12, 0, 0, 5_000, UTC)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (NOON, "2026-01-02T12:00:00.005Z"),
        (NOON.astimezone(timezone(timedelta(hours=2))), "2026-01-02T12:00:00.005Z"),
        (Custom("BaseNode", {"at": NOON}), {"at": "2026-01-02T12:00:00.005Z"}),
        (JsError("TypeError", "no"), {"name": "TypeError", "message": "no"}),
        ({"a": UNDEFINED, "b": [UNDEFINED]}, {"b": [None]}),
        ([float("nan"), float("inf"), 0.5], [None, None, 0.5]),
        (BigInt(2**70), 2**70),
        ({1: "a"}, [[1, "a"]]),
        ({"x"}, ["x"]),
        (b"\x01\x02", [1, 2]),
        (Status.RUNNING, "running"),
        (True, True),
    ],
)
def test_values_become_what_javascript_would_write(value: Any, written: Any) -> None:
    assert plain(value) == written
    assert type(plain(value)) is type(written) or isinstance(value, BigInt)


def test_records_have_the_names_of_the_wire() -> None:
    assert record_object(Segment("EX1", 2)) == {"executionId": "EX1", "number": 2}
