"""How long an execution was at work, by its events: the time it was parked does not count.

Nor does what a fork took over: that comes before its own `flow:started`.
"""

from __future__ import annotations

from chaingraph.engine.events import EventType


class ActiveTime:
    """Give it every event from position 0 on. Times are ms since 1970."""

    def __init__(self) -> None:
        self._spent = 0
        self._since: int | None = None
        self._has_begun = False
        self._last = 0

    def saw(self, type_: EventType, at: int) -> None:
        self._last = at
        if type_ is EventType.FLOW_PARKED:
            self._spent = self.until(at)
            self._since = None
            return
        self._has_begun = self._has_begun or type_ is EventType.FLOW_STARTED
        if self._since is None and self._has_begun:
            self._since = at

    @property
    def spent(self) -> int:
        """The milliseconds of work up to the last event: what came of it later was lost."""
        return self.until(self._last)

    def until(self, now: int) -> int:
        """The milliseconds of work by now."""
        return self._spent + (0 if self._since is None else max(0, now - self._since))
