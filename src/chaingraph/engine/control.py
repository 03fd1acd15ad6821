"""How a run ends, and the errors that end nodes and flows from outside their bodies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from chaingraph.engine.node import NodeError
from chaingraph.errors import ChainGraphError


@dataclass(frozen=True, slots=True)
class Completed:
    """Nothing can run any more. Single nodes may have failed; that does not fail a flow."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    reason: str


@dataclass(frozen=True, slots=True)
class TimedOut:
    limit_ms: float


@dataclass(frozen=True, slots=True)
class Failed:
    """The flow cannot go on: a limit is passed, or a child failed that must not."""

    message: str
    node_id: str | None = None


@dataclass(frozen=True, slots=True)
class Parked:
    """Nothing can run without the outside: it is paused, or waits for children, time or signals.

    `wake_at` is when it is to go on at the latest, in ms since 1970; None: when it is told to.
    """

    wake_at: int | None


@dataclass(frozen=True, slots=True)
class Drained:
    """The worker goes away; another one goes on. Nothing has ended."""


Ended: TypeAlias = Completed | Cancelled | TimedOut | Failed
"""The flow is over, in this way."""
Ending: TypeAlias = Ended | Parked | Drained


class FlowTimedOut(ChainGraphError):
    def __init__(self, limit_ms: float) -> None:
        super().__init__(f"Flow execution timed out after {_whole(limit_ms)} ms")


class NodeTimedOut(NodeError):
    def __init__(self, node_id: str, limit_ms: float) -> None:
        super().__init__(f"Node {node_id} execution timed out after {_whole(limit_ms)} ms.")


class NodeStopped(NodeError):
    """The flow ended while the node was running, and its body had nothing to say about it."""

    def __init__(self, node_id: str, why: str) -> None:
        super().__init__(f"Node {node_id} was stopped: {why}")


class LimitPassed(ChainGraphError):
    """The execution wants more children, or deeper ones, than are allowed."""


class Interrupted(ChainGraphError):
    """A `once` node was started, and a crash hides whether it finished. It is not started again."""

    def __init__(self, node_id: str) -> None:
        super().__init__(
            f"Node {node_id} was interrupted: it may run only once, "
            "and its worker was lost after it had started"
        )


def _whole(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)
