"""Who is alive: judged by heartbeats seen over time, and by processes on this host."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from chaingraph.execution.records import WorkerRow


@dataclass(slots=True)
class Observer:
    """Watches the beats of workers with its own monotonic clock; other clocks do not count.

    `lease_seconds` without a new beat, while this observer could read, means gone. A worker of
    this host is gone as soon as its process is.
    """

    host: str
    lease_seconds: float
    monotonic: Callable[[], float]
    #: whether the process of a worker of this host still runs
    process_runs: Callable[[WorkerRow], bool]
    _seen: dict[str, tuple[int, float]] = field(default_factory=dict)

    def see(self, rows: Iterable[WorkerRow]) -> None:
        """Take in what was just read."""
        now = self.monotonic()
        seen: dict[str, tuple[int, float]] = {}
        for row in rows:
            beat, since = self._seen.get(row.id, (row.beat, now))
            seen[row.id] = (row.beat, now if row.beat != beat else since)
        self._seen = seen

    def is_gone(self, row: WorkerRow) -> bool:
        if row.host == self.host and not self.process_runs(row):
            return True
        _, since = self._seen.get(row.id, (row.beat, self.monotonic()))
        return self.monotonic() - since >= self.lease_seconds
