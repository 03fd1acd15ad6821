"""What holds an execution: a pause, breakpoints, and the nodes that may run all the same.

Part of the fold. While the flow is paused only released nodes run: those that a step named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Holds:
    """`pausing` is the event of the pause that is in force, or None."""

    __slots__ = ("breakpoints", "held", "passed", "pausing", "released")

    def __init__(self) -> None:
        self.pausing: Mapping[str, Any] | None = None
        #: nodes that a breakpoint holds
        self.held: set[str] = set()
        #: nodes that were held, and that no breakpoint holds any more
        self.passed: set[str] = set()
        #: nodes that run even while the flow is paused
        self.released: set[str] = set()
        #: those set while it ran, in the place of those of the options; None: none were set
        self.breakpoints: Any = None

    def pause(self, data: Mapping[str, Any]) -> None:
        self.pausing = data

    def resume(self, data: Mapping[str, Any]) -> None:
        """What was held goes on, and past its breakpoint."""
        self.pausing = None
        self.passed |= self.held
        self.held.clear()
        self.released.clear()

    def hit(self, data: Mapping[str, Any]) -> None:
        self.held.add(data["nodeId"])

    def step(self, data: Mapping[str, Any]) -> None:
        self.released.add(data["nodeId"])
        self.passed.add(data["nodeId"])
        self.held.discard(data["nodeId"])

    def set_breakpoints(self, data: Mapping[str, Any]) -> None:
        self.breakpoints = data["breakpoints"]
