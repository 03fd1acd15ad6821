"""What holds an execution: a pause, breakpoints, and the nodes that may run all the same.

Part of the fold. While the flow is paused only released nodes run: those that a step named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Holds:
    """`pausing` is the event of the pause that is in force, or None."""

    __slots__ = ("breakpoints", "held", "owed", "passed", "pausing", "released")

    def __init__(self) -> None:
        self.pausing: Mapping[str, Any] | None = None
        #: nodes that a breakpoint holds
        self.held: set[str] = set()
        #: nodes that were held, and that no breakpoint holds any more
        self.passed: set[str] = set()
        #: nodes that run even while the flow is paused
        self.released: set[str] = set()
        #: steps that found nothing to run, and are for the nodes that come next
        self.owed = 0
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
        self.owed = 0

    def hit(self, data: Mapping[str, Any]) -> None:
        self.held.add(data["nodeId"])

    def step(self, data: Mapping[str, Any]) -> None:
        node_id = data["nodeId"]
        if node_id is None:
            self.owed += 1
            return
        self.owed -= bool(data.get("owed"))
        self.released.add(node_id)
        self.passed.add(node_id)
        self.held.discard(node_id)

    def set_breakpoints(self, data: Mapping[str, Any]) -> None:
        self.breakpoints = data["breakpoints"]
