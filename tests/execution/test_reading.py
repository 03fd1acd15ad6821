"""What the journal holds is read as superjson reads it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from chaingraph.engine.events import EventType
from chaingraph.execution.reading import decode
from chaingraph.execution.records import Entry
from chaingraph.superjson import BigInt, SuperjsonError, dumps


@pytest.mark.parametrize(
    "value",
    [
        1,
        1.0,
        -0.0,
        1e300,
        2**63,
        -(2**63),
        2**64,
        10**30,
        BigInt(7),
        "\ud800",
        'with "meta": inside',
        "1234567890123456789012",
        {"meta": {"values": 1}},
        datetime(2026, 1, 1, tzinfo=UTC),
    ],
)
def test_a_value_comes_back_with_its_type(value: Any) -> None:
    event = decode(Entry(3, "node:completed", 5, dumps({"nodeId": "n", "values": {"x": value}})))
    assert (event.position, event.type, event.at) == (3, EventType.NODE_COMPLETED, 5)
    found = event.data["values"]["x"]
    assert repr(found) == repr(value)
    assert type(found) is type(value)


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(SuperjsonError):
        decode(Entry(3, "node:completed", 5, b'{"json":{'))
