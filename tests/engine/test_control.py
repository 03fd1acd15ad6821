from __future__ import annotations

import pytest

from chaingraph.engine.control import FlowTimedOut, NodeTimedOut


@pytest.mark.parametrize(
    ("limit_ms", "shown"), [(200.0, "200"), (10_800_000.0, "10800000"), (0.5, "0.5")]
)
def test_limits_are_written_out(limit_ms: float, shown: str) -> None:
    assert str(NodeTimedOut("n", limit_ms)) == f"Node n execution timed out after {shown} ms."
    assert str(FlowTimedOut(limit_ms)) == f"Flow execution timed out after {shown} ms"
