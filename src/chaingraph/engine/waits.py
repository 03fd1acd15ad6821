"""What a node may wait for, and what it may hear. A body never waits for these: its node does.

Before its body runs, a node's type is asked what it `waits` for. If that is something, it is
journalled (`node:waiting`) and the body runs only when there is an answer (`node:answered`),
maybe weeks later and in another process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from chaingraph.flow.ports import Json


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait so many milliseconds."""

    ms: float


@dataclass(frozen=True, slots=True)
class Signal:
    """Wait until somebody sends a value under this name that fits `schema` (a JSON Schema).

    `assignees` are the ids of those who may answer; nobody named means whoever may steer the
    execution.
    """

    name: str
    schema: Mapping[str, Any] = field(default_factory=dict)
    timeout_ms: float | None = None
    title: str = ""
    assignees: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Child:
    """Run a stored flow of the same owner with these inputs (`node.port` -> value)."""

    flow_id: str
    inputs: Mapping[str, Any] = field(default_factory=dict)


Wait: TypeAlias = Sleep | Signal | Child


@dataclass(frozen=True, slots=True)
class TimeIsUp:
    """The sleep is over, or a signal did not come in time."""

    waited_ms: int = 0


@dataclass(frozen=True, slots=True)
class Received:
    """A signal came."""

    value: Json
    by: str


@dataclass(frozen=True, slots=True)
class ChildEnded:
    """The flow ended. `outputs` are the values of the ports that feed nothing, by `node.port`."""

    execution_id: str
    status: str
    outputs: Mapping[str, Any]
    error: str | None = None


Answer: TypeAlias = TimeIsUp | Received | ChildEnded


#: A century: what waits longer waits that long.
LONGEST_MS = 36_525 * 86_400_000


def waiting_ms(wait: Wait) -> int | None:
    """How long it waits at most."""
    match wait:
        case Sleep(ms) | Signal(timeout_ms=float() | int() as ms):
            return round(min(max(0.0, ms), LONGEST_MS))
        case _:
            return None


def wait_json(wait: Wait, since: int, child_id: str) -> dict[str, Any]:
    """The wait as the journal keeps it. `since` and `due` are in ms since 1970."""
    longest = waiting_ms(wait)
    times = {"since": since, "due": None if longest is None else since + longest}
    match wait:
        case Sleep():
            return {"kind": "sleep", **times}
        case Child(flow_id=flow_id):
            return {"kind": "child", "executionId": child_id, "flowId": flow_id, **times}
        case Signal(name, schema, _, title, assignees):
            said = {"name": name, "schema": dict(schema), "title": title}
            return {"kind": "signal", **said, "assignees": list(assignees), **times}
