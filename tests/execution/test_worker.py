"""What a worker does for the executions of others, and for its own that it forgot."""

from __future__ import annotations

import asyncio

import pytest

from chaingraph.engine.graph import Graph
from chaingraph.execution.bell import LocalBell
from chaingraph.execution.liveness import Observer
from chaingraph.execution.records import Disposition, Segment, WorkerRow
from chaingraph.execution.segment import World
from chaingraph.execution.worker import STOP_GRACE_MS, Worker, reserve
from tests.conformance.backends import Backend, memory_backend
from tests.conformance.steps import deliver, dispatch, join, leased, queued, row


def _compile_nothing(snapshot: str, text: bytes) -> Graph:
    raise NotImplementedError


class Watch:
    """A worker that does not live yet: tests call its rounds."""

    def __init__(self, backend: Backend, *, only: frozenset[str] | None = None) -> None:
        self.backend = backend
        self.now = 0.0
        self.cancelled: list[Segment] = []
        world = World(backend.journal, LocalBell(), _compile_nothing, backend.clock, 4.0, 0)
        observer = Observer("here", 4.0, lambda: self.now, lambda row: True)
        me = WorkerRow("me", "here", 1, 0.0, 0, True)
        self.worker = Worker(me, world, backend.fleet, observer, 4, self._cancel, only)

    async def _cancel(self, segment: Segment) -> None:
        self.cancelled.append(segment)

    async def reconcile(self, after: float = 0.0) -> None:
        self.now += after
        await self.worker.reconcile()


@pytest.fixture
def backend() -> Backend:
    return memory_backend()


async def test_what_the_dead_held_is_adopted(backend: Backend) -> None:
    await leased(backend, "EX1", "w1")
    watch = Watch(backend)
    for _ in range(5):
        await watch.reconcile(after=2)
    assert await backend.fleet.workers() == []
    at = await dispatch(backend)
    assert at.disposition is Disposition.QUEUED
    assert at.number >= 2
    assert (await row(backend)).failure_count == 1
    assert watch.cancelled == [Segment("EX1", 1)]


async def test_who_beats_is_left_alone(backend: Backend) -> None:
    await leased(backend, "EX1", "w1")
    watch = Watch(backend)
    for _ in range(5):
        await backend.fleet.beat("w1")
        await watch.reconcile(after=2)
    assert (await dispatch(backend)).holder == "w1"


async def test_a_beat_in_the_last_moment_saves_the_leases(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the verdict the worker beats: nobody may take its work."""
    await leased(backend, "EX1", "w1")
    watch = Watch(backend)
    await watch.reconcile()
    verdict = backend.fleet.declare_dead

    async def beats_first(worker_id: str, beat: int) -> bool:
        await backend.fleet.beat(worker_id)
        return await verdict(worker_id, beat)

    monkeypatch.setattr(backend.fleet, "declare_dead", beats_first)
    for _ in range(5):
        await watch.reconcile(after=2)
    at = await dispatch(backend)
    assert (at.disposition, at.holder, at.number) == (Disposition.LEASED, "w1", 1)


async def test_the_audit_queues_what_nobody_runs_here(backend: Backend) -> None:
    await leased(backend, "EX1", "me")
    watch = Watch(backend)
    await watch.worker.audit()
    assert (await dispatch(backend)).number == 1  # its task may be about to begin
    await watch.worker.audit()
    assert (await dispatch(backend)).number == 2
    assert (await row(backend)).last_failure_reason == "no running task"


async def test_a_worker_of_single_executions_touches_no_other(backend: Backend) -> None:
    await leased(backend, "EX1", "w1")
    await leased(backend, "EX2", "w1")
    await queued(backend, "EX3")
    watch = Watch(backend, only=frozenset({"EX2"}))
    for _ in range(4):
        await watch.reconcile(after=2)
    assert (await dispatch(backend, "EX1")).disposition is Disposition.LEASED
    assert (await dispatch(backend, "EX2")).disposition is Disposition.QUEUED
    assert (await dispatch(backend, "EX3")).number == 1


@pytest.mark.parametrize("only", [None, frozenset({"EX1"})], ids=["all", "single"])
async def test_what_nobody_will_bring_is_run_here(
    backend: Backend, only: frozenset[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever queued it died before anybody was told."""
    await queued(backend, "EX1")
    claimed: asyncio.Queue[str] = asyncio.Queue()

    async def claim(segment: Segment, worker_id: str) -> None:
        claimed.put_nowait(segment.execution_id)

    monkeypatch.setattr(backend.journal, "claim", claim)
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        life = tasks.create_task(Watch(backend, only=only).worker.live())
        assert await claimed.get() == "EX1"
        life.cancel()


async def test_a_declared_death_is_enough(backend: Backend) -> None:
    await leased(backend, "EX1", "w1")
    await backend.fleet.declare_dead("w1", 0)
    await Watch(backend).reconcile()
    assert (await dispatch(backend)).holder is None


async def test_a_worker_does_not_judge_itself(backend: Backend) -> None:
    await join(backend, "me")
    watch = Watch(backend)
    for _ in range(4):
        await watch.reconcile(after=5)
    assert [each.id for each in await backend.fleet.workers()] == ["me"]


@pytest.mark.parametrize(("slots", "kept"), [(1, 0), (2, 0), (4, 1), (15, 1), (16, 2), (50, 6)])
def test_an_eighth_of_the_slots_is_kept_for_owners_that_run_nothing(slots: int, kept: int) -> None:
    assert reserve(slots) == kept


async def test_what_is_brought_and_over_is_not_waited_for(backend: Backend) -> None:
    await leased(backend, "EX1", "w1")
    async with asyncio.timeout(5):
        await Watch(backend).worker.bring(Segment("EX1", 1))


async def test_a_stop_that_a_holder_does_not_obey_is_forced_by_the_audit(backend: Backend) -> None:
    await leased(backend, "EX1", "w1")
    await deliver(backend, "stop")
    backend.clock.move(STOP_GRACE_MS + 1)
    await Watch(backend).worker.audit()
    assert (await row(backend)).status == "stopped"
