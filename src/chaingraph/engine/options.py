"""How an execution runs: limits that its creator may set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Options:
    """Times are in milliseconds, as in the stored `options.execution`."""

    max_concurrency: int = 50
    node_timeout_ms: float = 3_600_000
    flow_timeout_ms: float = 10_800_000
    #: a node whose output is larger fails; set by the server, not by the creator
    max_value_bytes: int = 16 * 1024 * 1024

    @classmethod
    def from_json(cls, options: Mapping[str, Any] | None) -> Options:
        """Read `{"execution": {maxConcurrency, nodeTimeoutMs, flowTimeoutMs}}`, all optional."""
        given = (options or {}).get("execution") or {}
        raw = {key: value for key, value in given.items() if value is not None}
        default = cls()
        return cls(
            max_concurrency=max(1, int(raw.get("maxConcurrency", default.max_concurrency))),
            node_timeout_ms=float(raw.get("nodeTimeoutMs", default.node_timeout_ms)),
            flow_timeout_ms=float(raw.get("flowTimeoutMs", default.flow_timeout_ms)),
        )
