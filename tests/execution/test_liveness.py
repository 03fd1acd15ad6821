"""Who is taken for dead."""

from __future__ import annotations

from dataclasses import replace

from chaingraph.execution.liveness import Observer
from chaingraph.execution.records import WorkerRow

LEASE = 4.0
REMOTE = WorkerRow("w1", "elsewhere", 1, 0.0, 7, True)


class Sight:
    """An observer on a clock that moves only between two looks."""

    def __init__(self, *, runs: bool = True) -> None:
        self.now = 1_000.0
        self.observer = Observer("here", LEASE, lambda: self.now, lambda row: runs)
        self.row = REMOTE
        self.observer.see([self.row])

    def look(self, after: float, *, beat: int | None = None) -> bool:
        """Whether the worker is gone, as of a look some seconds later."""
        self.now += after
        self.row = replace(self.row, beat=self.row.beat if beat is None else beat)
        self.observer.see([self.row])
        return self.observer.is_gone(self.row)


def test_a_beat_that_stands_still_for_a_lease_is_gone() -> None:
    sight = Sight()
    assert [sight.look(1) for _ in range(4)] == [False, False, False, True]


def test_a_beat_that_moves_is_alive_again() -> None:
    sight = Sight()
    assert [sight.look(1) for _ in range(3)] == [False] * 3
    assert not sight.look(1, beat=8)
    assert [sight.look(1) for _ in range(4)] == [False, False, False, True]


def test_who_is_seen_for_the_first_time_is_alive() -> None:
    sight = Sight()
    sight.now += 100
    newcomer = replace(REMOTE, id="w2")
    assert not sight.observer.is_gone(newcomer)
    sight.observer.see([newcomer])
    assert not sight.observer.is_gone(newcomer)


def test_a_time_without_looks_proves_little() -> None:
    """The database was away: nobody could beat, and nobody could look."""
    sight = Sight()
    assert not sight.look(600)
    assert not sight.look(1, beat=8)
    assert not sight.look(600)
    assert sight.look(600)


def test_a_worker_of_this_host_is_gone_with_its_process() -> None:
    sight = Sight(runs=False)
    assert not sight.observer.is_gone(REMOTE)
    assert sight.observer.is_gone(replace(REMOTE, host="here"))
