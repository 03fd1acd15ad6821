"""How long an execution was at work, by its events: the time it was parked does not count."""

from __future__ import annotations

from chaingraph.engine.events import EventType


class ActiveTime:
    """Give it every event from position 0 on. Times are ms since 1970."""

    def __init__(self) -> None:
        self._spent = 0
        self._since: int | None = None

    def saw(self, type_: EventType, at: int) -> None:
        if type_ is EventType.FLOW_PARKED:
            self._spent = self.until(at)
            self._since = None
        elif self._since is None and type_ is not EventType.EXECUTION_CREATED:
            self._since = at

    def until(self, now: int) -> int:
        """The milliseconds of work by now."""
        return self._spent + (0 if self._since is None else max(0, now - self._since))
