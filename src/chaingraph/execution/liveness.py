"""Who is alive: judged by heartbeats seen over time, and by processes on this host."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from chaingraph.execution.records import WorkerRow


@dataclass(slots=True)
class Observer:
    """Watches the beats of workers with its own monotonic clock; other clocks do not count.

    `lease_seconds` without a new beat, while this observer could read, means gone. A worker of
    this host is gone as soon as its process is. While the database is away nobody can beat: a
    gap between two looks counts for half a lease at most.
    """

    host: str
    lease_seconds: float
    monotonic: Callable[[], float]
    #: whether the process of a worker of this host still runs
    process_runs: Callable[[WorkerRow], bool]
    #: worker id -> its beat, and for how many seconds it has stood still
    _seen: dict[str, tuple[int, float]] = field(default_factory=dict)
    _looked_at: float = 0.0

    def see(self, rows: Iterable[WorkerRow]) -> None:
        """Take in what was just read."""
        now = self.monotonic()
        passed = min(now - self._looked_at, self.lease_seconds / 2)
        self._looked_at = now
        seen: dict[str, tuple[int, float]] = {}
        for row in rows:
            beat, still = self._seen.get(row.id, (None, 0.0))
            seen[row.id] = (row.beat, still + passed if row.beat == beat else 0.0)
        self._seen = seen

    def is_gone(self, row: WorkerRow) -> bool:
        if row.host == self.host and not self.process_runs(row):
            return True
        _, still = self._seen.get(row.id, (row.beat, 0.0))
        return still >= self.lease_seconds
