"""How an execution runs: limits that its creator may set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from chaingraph.engine.breakpoints import NO_BREAKPOINTS, Breakpoints
from chaingraph.errors import BadInput


@dataclass(frozen=True, slots=True)
class Options:
    """Times are in milliseconds, as in the stored `options.execution`."""

    max_concurrency: int = 50
    node_timeout_ms: float = 3_600_000
    flow_timeout_ms: float = 10_800_000
    #: a node whose output is larger fails; set by the server, not by the creator
    max_value_bytes: int = 16 * 1024 * 1024
    #: a child that does not complete fails the execution; else it goes on, as in the original
    fails_with_child: bool = False
    #: where to hold; see `engine.breakpoints`
    breakpoints: Breakpoints = NO_BREAKPOINTS

    @classmethod
    def from_json(cls, options: Mapping[str, Any] | None) -> Options:
        """Read `{"execution": {maxConcurrency, nodeTimeoutMs, flowTimeoutMs, childFailure},
        "debug", "breakpoints"}`, all optional.

        A number that is too small counts as the least that is possible. Breakpoints count unless
        `debug` is false. Raises BadInput for what cannot be read.
        """
        options = options or {}
        given = options.get("execution") or {}
        if not isinstance(given, Mapping):
            raise BadInput("options.execution is not an object")
        default = cls()
        return cls(
            fails_with_child=_child_failure(given.get("childFailure")),
            breakpoints=_breakpoints(options.get("debug"), options.get("breakpoints")),
            max_concurrency=int(_number(given, "maxConcurrency", default.max_concurrency, 1)),
            node_timeout_ms=_number(given, "nodeTimeoutMs", default.node_timeout_ms, 0),
            flow_timeout_ms=_number(given, "flowTimeoutMs", default.flow_timeout_ms, 0),
        )


def _child_failure(said: Any) -> bool:
    if said not in (None, "ignore", "fail"):
        raise BadInput(f"options.execution.childFailure is ignore or fail, not {said!r}")
    return bool(said == "fail")


def _breakpoints(debug: Any, given: Any) -> Breakpoints:
    return NO_BREAKPOINTS if debug is False else Breakpoints.of(given or ())


def _number(given: Mapping[str, Any], key: str, default: float, least: float) -> float:
    value = given.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise BadInput(f"options.execution.{key} is not a number: {value!r}")
    return max(float(value), least)
