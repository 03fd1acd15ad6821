"""Workers on any backend: they run what a test tells them to, and die when it says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import count
from typing import Any, cast
from uuid import uuid4

from chaingraph.engine.catalog import Catalog
from chaingraph.engine.graph import Graph, compile_flow
from chaingraph.execution.bell import LocalBell
from chaingraph.execution.known_types import KnownTypes, MemoryTypeRegistry
from chaingraph.execution.memory_identity import MemoryTokens
from chaingraph.execution.ports import Append, Journal
from chaingraph.execution.records import Disposition, Segment, WorkerRow
from chaingraph.execution.segment import Shutdown, World, run_leased
from chaingraph.execution.service import Service
from chaingraph.execution.worker import POISON
from chaingraph.flow.codec import read_flow
from tests.conformance.backends import Backend
from tests.laboratory import MAX_VALUE_BYTES

#: A segment that does nothing for so many turns of the loop waits for somebody.
STILL = 25


class Died(Exception):
    """The process of a worker is gone: nothing that it still does has an effect."""


class Line:
    """A worker's line to the journal. It is cut when the worker dies, maybe in an append."""

    def __init__(self, journal: Journal, calls: set[asyncio.Future[Any]]) -> None:
        self._journal = journal
        self._calls = calls
        self.is_cut = False
        #: it dies in the append after so many, and that one may be committed all the same
        self.appends_left: int | None = None
        self.dies_committed = False

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        def call(*args: Any) -> Awaitable[Any]:
            return self._sent(getattr(self._journal, name), *args)

        return call

    async def append(self, append: Append) -> None:
        dies = self.appends_left == 0
        if dies and not self.dies_committed:
            self.is_cut = True
        if self.appends_left:
            self.appends_left -= 1
        try:
            await self._sent(self._journal.append, append)
        finally:
            self.is_cut = self.is_cut or dies
        if dies:
            raise Died

    async def _sent(self, method: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        """What was sent arrives, also when nobody waits for the answer any more."""
        if self.is_cut:
            raise Died
        call = asyncio.ensure_future(method(*args))
        self._calls.add(call)
        call.add_done_callback(self._over)
        return await asyncio.shield(call)

    def _over(self, call: asyncio.Future[Any]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()


@dataclass
class Process:
    """One life of a worker, and the segments that it runs, by execution."""

    row: WorkerRow
    line: Line
    world: World
    segments: dict[str, asyncio.Task[None]] = field(default_factory=dict)


@dataclass
class Workplace:
    """Two workers and the callers, on one backend."""

    backend: Backend
    catalog: Catalog
    service: Service = field(init=False)
    workers: list[Process] = field(default_factory=list)
    #: who is dead, or is held to be, and whose leases were not taken over yet
    gone: list[Process] = field(default_factory=list)
    #: who was declared dead and does not know it
    zombies: list[Process] = field(default_factory=list)
    _world: World = field(init=False)
    _errors: list[BaseException] = field(default_factory=list)
    _calls: set[asyncio.Future[Any]] = field(default_factory=set)
    _ids: count[int] = field(default_factory=count)
    _name: str = field(default_factory=lambda: uuid4().hex[:8])

    def __post_init__(self) -> None:
        @lru_cache
        def compiled(snapshot: str, text: bytes) -> Graph:
            return compile_flow(read_flow(json.loads(text)), self.catalog)

        bell, journal, clock = LocalBell(), self.backend.journal, self.backend.clock
        self.service = Service(
            journal,
            self.backend.flows,
            bell,
            KnownTypes(self.catalog, MemoryTypeRegistry()),
            MemoryTokens(clock),
            graph_of=compiled,
            launch=lambda segment: None,
            errand=lambda: None,
            clock=clock,
            max_value_bytes=MAX_VALUE_BYTES,
        )
        load = self.service.ready_flow
        self._world = World(journal, bell, compiled, clock, 3.0, MAX_VALUE_BYTES, load_flow=load)

    async def open(self) -> None:
        asyncio.get_running_loop().set_exception_handler(self._unheard)
        self.workers = [await self._joined() for _ in range(2)]

    def _unheard(self, loop: asyncio.AbstractEventLoop, told: dict[str, Any]) -> None:
        """An exception that nobody waits for is raised with the next look at the segments."""
        self._errors.append(told.get("exception") or RuntimeError(told["message"]))

    async def _joined(self) -> Process:
        row = WorkerRow(f"{self._name}-{next(self._ids)}", "here", 1, 0.0, 0, True)
        await self.backend.fleet.join(row)
        line = Line(self.backend.journal, self._calls)
        world = replace(self._world, journal=cast(Journal, line), shutdown=Shutdown())
        return Process(row, line, world)

    async def quiet(self) -> None:
        """Return when everybody waits for somebody else."""
        turns = 0
        while turns < STILL:
            if self._calls:
                await asyncio.wait(self._calls)
                turns = 0
            await asyncio.sleep(0)
            turns += 1

    async def work(
        self,
        worker: int,
        execution_id: str,
        *,
        dies_after: int | None = None,
        committed: bool = False,
    ) -> None:
        """Begin its queued segment, if there is one; until somebody has to do something.

        With `dies_after` the worker dies in the append after so many.
        """
        process, journal = self.workers[worker], self.backend.journal
        found = await journal.get(execution_id)
        if found is None or found.dispatch.disposition is not Disposition.QUEUED:
            return
        segment = Segment(execution_id, found.dispatch.number)
        outdated = replace(segment, number=segment.number - 1)
        assert await journal.claim(outdated, process.row.id) is None
        lease = await journal.claim(segment, process.row.id)
        if lease is None:  # a command has ended it just now
            return
        process.line.appends_left, process.line.dies_committed = dies_after, committed
        process.segments[execution_id] = asyncio.create_task(run_leased(process.world, lease))
        await self.quiet()
        process.line.appends_left = None
        if process.line.is_cut:
            await self.kill(worker)
        self._sweep()

    async def finish(self, worker: int) -> None:
        """Return when what this worker runs is over; nobody else has to do anything for it."""
        await asyncio.gather(*self.workers[worker].segments.values())
        self._sweep()

    def _sweep(self) -> None:
        """Forget what is over. Raises what a segment raised, unless its worker is dead."""
        if self._errors:
            raise self._errors.pop()
        for process in (*self.workers, *self.zombies):
            for execution_id, task in list(process.segments.items()):
                if task.done():
                    del process.segments[execution_id]
                    task.result()

    @property
    def is_running(self) -> bool:
        """Whether a segment runs anywhere."""
        return any(process.segments for process in (*self.workers, *self.zombies))

    async def kill(self, worker: int) -> None:
        """A worker is gone, with all that it had in memory; another life begins."""
        process = self.workers[worker]
        process.line.is_cut = True
        for task in process.segments.values():
            task.cancel()
        await asyncio.gather(*process.segments.values(), return_exceptions=True)
        process.segments.clear()
        self.gone.append(process)
        self.workers[worker] = await self._joined()

    async def suspect(self, worker: int) -> None:
        """A worker does not beat any more, but goes on working."""
        self.gone.append(self.workers[worker])
        self.zombies.append(self.workers[worker])
        self.workers[worker] = await self._joined()

    async def adopt(self) -> None:
        """Declare the dead dead, and take over what they held."""
        fleet, mine = self.backend.fleet, self.workers[0].row.id
        for process in self.gone:
            await fleet.declare_dead(process.row.id, process.row.beat)
            for lease in await fleet.leases(process.row.id):
                await fleet.take_over(lease, mine, "worker is gone", poison=POISON)
        self.gone.clear()

    async def drain(self, worker: int) -> None:
        """A worker is told to go: it hands over what it has."""
        process = self.workers[worker]
        process.world.shutdown.begun.set()
        await self.quiet()
        self._sweep()
        assert not process.segments
        await self.backend.fleet.leave(process.row.id)
        self.workers[worker] = await self._joined()

    async def after(self, call: Awaitable[Any]) -> None:
        """Let somebody do something, and all others what follows from it."""
        try:
            await call
        finally:
            await self.quiet()
            self._sweep()

    async def close(self) -> None:
        for worker in (0, 1):
            await self.kill(worker)
        for process in self.zombies:
            for task in process.segments.values():
                task.cancel()
            await asyncio.gather(*process.segments.values(), return_exceptions=True)
