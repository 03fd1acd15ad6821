"""How an execution runs: limits that its creator may set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from chaingraph.errors import BadInput


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
        """Read `{"execution": {maxConcurrency, nodeTimeoutMs, flowTimeoutMs}}`, all optional.

        A number that is too small counts as the least that is possible. Raises BadInput for a
        value that is no number.
        """
        given = (options or {}).get("execution") or {}
        if not isinstance(given, Mapping):
            raise BadInput("options.execution is not an object")
        default = cls()
        return cls(
            max_concurrency=int(_number(given, "maxConcurrency", default.max_concurrency, 1)),
            node_timeout_ms=_number(given, "nodeTimeoutMs", default.node_timeout_ms, 0),
            flow_timeout_ms=_number(given, "flowTimeoutMs", default.flow_timeout_ms, 0),
        )


def _number(given: Mapping[str, Any], key: str, default: float, least: float) -> float:
    value = given.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise BadInput(f"options.execution.{key} is not a number: {value!r}")
    return max(float(value), least)
