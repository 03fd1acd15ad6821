from __future__ import annotations

from chaingraph.cli.json_lines import record_object
from chaingraph.execution.records import Segment


def test_records_have_the_names_of_the_wire() -> None:
    assert record_object(Segment("EX1", 2)) == {"executionId": "EX1", "number": 2}
