"""The composition root: the one place that knows every room.

async with open_house(settings) as house:             API mode: create, start, read
    async with house.working():                       and worker mode in the same process
        ...

API mode needs no code of nodes beside the built-in ones: workers publish what theirs declare.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import psutil

from chaingraph.durable.census import census
from chaingraph.durable.chores import chores
from chaingraph.durable.database import Database, database_url, translated
from chaingraph.durable.dispatch import Dispatcher
from chaingraph.durable.doorbell import Doorbell
from chaingraph.durable.errands import SqlErrands
from chaingraph.durable.fleet import SqlFleet
from chaingraph.durable.flows import SqlFlows
from chaingraph.durable.heartbeat import heartbeat
from chaingraph.durable.journal import SqlJournal
from chaingraph.durable.prune import Retention
from chaingraph.durable.schema import HEAD, create_flows, current, upgrade
from chaingraph.durable.type_registry import SqlTypeRegistry
from chaingraph.durable.workflow import dbos_engine, dispatching
from chaingraph.durable.writer import GroupWriter
from chaingraph.engine.catalog import Catalog, load_entry_points, load_module_or_file
from chaingraph.engine.graph import Graph, compile_flow
from chaingraph.errors import BadInput, StoreUnavailable
from chaingraph.execution.bell import LocalBell
from chaingraph.execution.children import Limits
from chaingraph.execution.courier import Courier
from chaingraph.execution.known_types import KnownTypes, MemoryTypeRegistry
from chaingraph.execution.liveness import Observer
from chaingraph.execution.memory import MemoryJournal
from chaingraph.execution.memory_errands import MemoryErrands
from chaingraph.execution.memory_flows import MemoryFlows
from chaingraph.execution.otlp import tracing
from chaingraph.execution.ports import Errands, Fleet, Flows, Journal, TypeRegistry
from chaingraph.execution.processes import host_name, process_runs
from chaingraph.execution.records import Segment, WorkerRow
from chaingraph.execution.segment import Shutdown, World
from chaingraph.execution.service import Service
from chaingraph.execution.times import now_ms
from chaingraph.execution.worker import Chore, Worker
from chaingraph.flow.codec import read_flow
from chaingraph.metrics import counting
from chaingraph.nodes import builtin_catalog
from chaingraph.settings import Settings

if TYPE_CHECKING:
    from chaingraph.execution.otlp import Trace

log = logging.getLogger(__name__)

GRAPHS_KEPT = 128
#: A database that takes longer than this to answer cannot serve now.
READY_SECONDS = 1.0
#: Seconds between tries to reach the database at the start; the last one is repeated.
STARTUP_PAUSES = (0.1, 0.3, 1.0, 2.0)
#: A ring with this prefix names a queued segment: `segment:{execution}/{number}`.
SEGMENT = "segment:"
#: And this ring says that there is something to bring from one execution to another.
ERRAND = "errand:"


def load_catalog(settings: Settings) -> Catalog:
    """The built-in nodes, those of installed packages, and those named in the settings."""
    catalog = load_entry_points(into=builtin_catalog())
    for name in settings.nodes:
        catalog.add(*load_module_or_file(name))
    return catalog


@dataclass(slots=True)
class House:
    """An open executor. `service` is its front; `working` lets it run executions too."""

    settings: Settings
    catalog: Catalog
    journal: Journal
    flows: Flows
    fleet: Fleet
    errands: Errands
    registry: TypeRegistry
    bell: LocalBell
    database: Database | None
    dispatcher: Dispatcher | None
    flows_database: Database | None = None
    clock: Callable[[], int] = now_ms
    #: for checking flows: the catalog, and what workers published
    types: KnownTypes = field(init=False)
    service: Service = field(init=False)
    #: makes the traces of segments; None when nobody wants any
    trace: Trace | None = None
    _worker: Worker | None = None
    _courier: Courier | None = None
    _compile: Callable[[str, bytes], Graph] = field(init=False)

    def __post_init__(self) -> None:
        @lru_cache(GRAPHS_KEPT)
        def compiled(snapshot: str, text: bytes) -> Graph:
            return compile_flow(read_flow(json.loads(text)), self.catalog)

        @lru_cache(GRAPHS_KEPT)
        def readable(snapshot: str, text: bytes) -> Graph:
            return compile_flow(read_flow(json.loads(text)))

        self._compile = compiled
        self.types = KnownTypes(self.catalog, self.registry)
        self.service = Service(
            self.journal,
            self.flows,
            self.bell,
            self.types,
            graph_of=readable,
            launch=self.launch,
            errand=self.errand,
            clock=self.clock,
            max_value_bytes=self.settings.max_value_bytes,
        )

    def heard(self, key: str) -> None:
        """Another process rang: somebody has news, or a segment was queued just now."""
        if key.startswith(SEGMENT):
            execution_id, _, number = key.removeprefix(SEGMENT).rpartition("/")
            if self._worker is not None:
                self._worker.offer(Segment(execution_id, int(number)))
        elif key == ERRAND:
            if self._courier is not None:
                self._courier.call()
        else:
            LocalBell.ring(self.bell, key)

    def launch(self, segment: Segment) -> None:
        """Offer a segment that was queued just now to this worker, else to the others.

        The queue brings it in any case; this only saves the wait for its next poll.
        """
        if self._worker is not None and self._worker.offer(segment):
            return
        if isinstance(self.bell, Doorbell):
            self.bell.ring_others(f"{SEGMENT}{segment.execution_id}/{segment.number}")

    def errand(self) -> None:
        """Something is to be brought to a parent or to children: soon, or else at the next look."""
        if self._courier is not None:
            self._courier.call()
        elif isinstance(self.bell, Doorbell):
            self.bell.ring_others(ERRAND)

    async def has_live_worker(self) -> bool:
        """Whether any worker process is alive, as far as this host can tell."""
        here = host_name()
        workers = await self.fleet.workers()
        return any(w.alive and (w.host != here or process_runs(w)) for w in workers)

    async def ready(self) -> None:
        """Return when the databases answer. Raises StoreUnavailable after a second without."""
        try:
            async with asyncio.timeout(READY_SECONDS):
                for database in (self.database, self.flows_database):
                    if database is not None:
                        await database.answers()
        except TimeoutError:
            raise StoreUnavailable("The database does not answer") from None

    @asynccontextmanager
    async def working(self, *, only: frozenset[str] | None = None) -> AsyncIterator[None]:
        """Run executions while entered: all that come, or `only` these and none else."""
        if only is None:
            await self.types.publish()
        async with asyncio.TaskGroup() as tasks:
            ready = asyncio.Event()
            lives = tasks.create_task(self._live_again_and_again(only, ready))
            await ready.wait()
            self._courier = Courier(self.errands, self.bell, self.launch, only)
            rounds = tasks.create_task(self._courier.work())
            try:
                yield
            finally:
                self._courier = None
                rounds.cancel()
                lives.cancel()

    async def _live_again_and_again(
        self, only: frozenset[str] | None, ready: asyncio.Event
    ) -> None:
        """A worker that was declared dead ends; the next life has a new id."""
        while True:
            died = asyncio.Event()
            worker = self._new_worker(only)
            async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
                life = tasks.create_task(worker.live())
                await worker.ready.wait()
                if self.database is not None:
                    await self._connect(worker, stack, died, dispatch=only is None)
                self._worker = worker
                ready.set()
                await died.wait()
                log.warning("worker %s was declared dead; starting anew", worker.me.id)
                worker.is_lost = True
                life.cancel()

    async def _connect(
        self, worker: Worker, stack: AsyncExitStack, died: asyncio.Event, *, dispatch: bool
    ) -> None:
        assert self.database is not None
        beats = heartbeat(self.database.url, worker.me.id, declared_dead=died.set)
        await stack.enter_async_context(beats)
        if dispatch:
            bringing = dispatching(
                self.database, worker.bring, executor_id=worker.me.id, slots=self.settings.slots
            )
            await stack.enter_async_context(bringing)

    def _new_worker(self, only: frozenset[str] | None) -> Worker:
        process = psutil.Process()
        row = WorkerRow(
            f"{socket.gethostname()}-{process.pid}-{uuid4().hex[:8]}",
            host_name(),
            process.pid,
            process.create_time(),
            0,
            True,
        )
        world = World(
            self.journal,
            self.bell,
            self._compile,
            self.clock,
            self.settings.lease_seconds,
            self.settings.max_value_bytes,
            launch=self.launch,
            shutdown=self._shutdown(only),
            errand=self.errand,
            load_flow=self.service.ready_flow,
            limits=Limits(self.settings.max_depth, self.settings.max_children),
            trace=self.trace,
        )
        observer = Observer(host_name(), self.settings.lease_seconds, time.monotonic, process_runs)
        return Worker(
            row,
            world,
            self.fleet,
            observer,
            self.settings.slots,
            self._cancel_dispatch,
            only,
            self.settings.concurrency or None,
            chores=() if only is not None else self._chores(),
        )

    def _chores(self) -> tuple[Chore, ...]:
        if self.database is None:
            return ()
        settings = self.settings
        retention = Retention(settings.retention_age, settings.retention_keep)
        return chores(
            self.database,
            retention,
            settings.start_timeout,
            ring=self.bell.ring,
            clock=self.clock,
        )

    def _shutdown(self, only: frozenset[str] | None) -> Shutdown:
        """Who runs one execution and is told to go goes at once."""
        if only is not None:
            return Shutdown()
        return Shutdown(self.settings.drain_seconds, self.settings.drain_once_seconds)

    async def _cancel_dispatch(self, segment: Segment) -> None:
        if self.dispatcher is not None:
            await self.dispatcher.cancel(segment)


@asynccontextmanager
async def open_house(
    settings: Settings, catalog: Catalog | None = None, *, patience: float = 0.0
) -> AsyncIterator[House]:
    """An executor on the database of the settings, which is created or upgraded first.

    Raises BadInput for a URL that names no database and for a data directory that cannot be made,
    NewerDatabase for one of a later release, and StoreUnavailable when it cannot be reached for
    `patience` seconds.
    """
    if not settings.database:
        _make(settings.data_dir)
    with _databases(settings) as (database, flows_database):
        await _patiently(patience, upgrade, database)
        if flows_database is not database:
            await _patiently(patience, create_flows, flows_database)
        dispatcher = Dispatcher(dbos_engine(database))
        writer = GroupWriter(database, now_ms)
        bell = Doorbell(database.url)
        house = House(
            settings,
            load_catalog(settings) if catalog is None else catalog,
            SqlJournal(database, writer, dispatcher, now_ms),
            SqlFlows(flows_database, now_ms),
            SqlFleet(database, dispatcher, now_ms),
            SqlErrands(database, dispatcher, now_ms),
            SqlTypeRegistry(database, now_ms),
            bell,
            database,
            dispatcher,
            flows_database,
        )
        bell.heard = house.heard
        with tracing(settings.otlp_endpoint, now_ms) as house.trace, counting(census(database)):
            async with bell.connected(), asyncio.TaskGroup() as tasks:
                writing = tasks.create_task(writer.run())
                try:
                    yield house
                finally:
                    writing.cancel()
        await writer.close()
        dispatcher.close()


@contextmanager
def _databases(settings: Settings) -> Iterator[tuple[Database, Database]]:
    """The database, and that of the flows, which may be the same one."""
    url, flows_url = map(database_url, (settings.database_url, settings.flows_database_url))
    with closing(Database(url)) as database:
        if flows_url == url:
            yield database, database
            return
        with closing(Database(flows_url)) as flows_database:
            yield database, flows_database


async def _patiently(seconds: float, call: Callable[[Database], None], database: Database) -> None:
    """Call with the database, again and again until it can be reached or the time is over."""
    deadline = time.monotonic() + seconds
    pauses = chain(STARTUP_PAUSES, repeat(STARTUP_PAUSES[-1]))
    while True:
        try:
            return await asyncio.to_thread(translated, call, database)
        except StoreUnavailable as error:
            if time.monotonic() >= deadline:
                raise
            log.warning("waiting for the database: %s", error)
        await asyncio.sleep(next(pauses))


async def database_version(settings: Settings) -> tuple[str | None, str]:
    """The version of the database, None for one without tables, and that of this release."""
    if not _exists(settings):
        return None, HEAD
    with closing(Database(database_url(settings.database_url))) as database:
        return await asyncio.to_thread(translated, lambda d: current(d.engine), database), HEAD


async def known_types(settings: Settings, catalog: Catalog) -> KnownTypes:
    """The types of the catalog, and those published in the database if it is there already.

    Nothing is created. A database that cannot be used is logged: what is here is known anyway.
    """
    types = KnownTypes(catalog, MemoryTypeRegistry())
    try:
        if (await database_version(settings))[0] == HEAD:
            with closing(Database(database_url(settings.database_url))) as database:
                types = KnownTypes(catalog, SqlTypeRegistry(database, now_ms))
                await types.learn()
    except StoreUnavailable as error:
        log.warning("what workers published is not known: %s", error)
    return types


def _exists(settings: Settings) -> bool:
    """Whether there may be a database; looking into an SQLite file would create it."""
    url = database_url(settings.database_url)
    return url.get_backend_name() != "sqlite" or Path(str(url.database)).exists()


def _make(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"The data directory {data_dir} cannot be made: {error.strerror}") from error


@asynccontextmanager
async def open_memory_house(
    catalog: Catalog | None = None, settings: Settings | None = None
) -> AsyncIterator[House]:
    """An executor in memory, for tests: nothing is kept."""
    journal = MemoryJournal(now_ms)
    chosen = settings or Settings()
    yield House(
        chosen,
        load_catalog(chosen) if catalog is None else catalog,
        journal,
        MemoryFlows(now_ms),
        journal,
        MemoryErrands(journal, now_ms),
        MemoryTypeRegistry(),
        LocalBell(),
        None,
        None,
    )
