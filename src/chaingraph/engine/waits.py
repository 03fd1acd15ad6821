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
