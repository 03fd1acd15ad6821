"""An open executor: what a process has of it, and how its parts call each other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from chaingraph.durable.database import Database
from chaingraph.durable.dispatch import Dispatcher
from chaingraph.durable.doorbell import Doorbell
from chaingraph.engine.catalog import Catalog
from chaingraph.engine.graph import Graph, compile_flow
from chaingraph.engine.seams import Vault
from chaingraph.errors import StoreUnavailable
from chaingraph.execution.bell import LocalBell
from chaingraph.execution.courier import Courier
from chaingraph.execution.identity import Accounts, Tokens
from chaingraph.execution.known_types import KnownTypes
from chaingraph.execution.ports import Errands, Fleet, Flows, Journal, TypeRegistry
from chaingraph.execution.processes import host_name, process_runs
from chaingraph.execution.records import Segment
from chaingraph.execution.service import Service
from chaingraph.execution.times import now_ms
from chaingraph.execution.vault import NO_KEYS
from chaingraph.execution.worker import Worker
from chaingraph.flow.codec import read_flow
from chaingraph.modes.workplace import Workplace
from chaingraph.settings import Settings

if TYPE_CHECKING:
    from chaingraph.execution.otlp import Trace

GRAPHS_KEPT = 128
#: A database that takes longer than this to answer cannot serve now.
READY_SECONDS = 1.0
#: A ring with this prefix names a queued segment: `segment:{execution}/{number}`.
SEGMENT = "segment:"
#: And this ring says that there is something to bring from one execution to another.
ERRAND = "errand:"


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
    tokens: Tokens
    accounts: Accounts
    bell: LocalBell
    database: Database | None
    dispatcher: Dispatcher | None
    flows_database: Database | None = None
    vault: Vault = NO_KEYS
    clock: Callable[[], int] = now_ms
    #: for checking flows: the catalog, and what workers published
    types: KnownTypes = field(init=False)
    service: Service = field(init=False)
    #: makes the traces of segments; None when nobody wants any
    trace: Trace | None = None
    #: while it works: its present life, and who runs its errands
    worker: Worker | None = None
    courier: Courier | None = None
    compile_flow: Callable[[str, bytes], Graph] = field(init=False)

    def __post_init__(self) -> None:
        @lru_cache(GRAPHS_KEPT)
        def compiled(snapshot: str, text: bytes) -> Graph:
            return compile_flow(read_flow(json.loads(text)), self.catalog)

        @lru_cache(GRAPHS_KEPT)
        def readable(snapshot: str, text: bytes) -> Graph:
            return compile_flow(read_flow(json.loads(text)))

        self.compile_flow = compiled
        self.types = KnownTypes(self.catalog, self.registry)
        self.service = Service(
            self.journal,
            self.flows,
            self.bell,
            self.types,
            self.tokens,
            graph_of=readable,
            launch=self.launch,
            errand=self.errand,
            clock=self.clock,
            max_value_bytes=self.settings.max_value_bytes,
            vault=self.vault,
        )

    def heard(self, key: str) -> None:
        """Another process rang: somebody has news, or a segment was queued just now."""
        if key.startswith(SEGMENT):
            execution_id, _, number = key.removeprefix(SEGMENT).rpartition("/")
            if self.worker is not None:
                self.worker.offer(Segment(execution_id, int(number)))
        elif key == ERRAND:
            if self.courier is not None:
                self.courier.call()
        else:
            LocalBell.ring(self.bell, key)

    def launch(self, segment: Segment) -> None:
        """Offer a segment that was queued just now to this worker, else to the others.

        The queue brings it in any case; this only saves the wait for its next poll.
        """
        if self.worker is not None and self.worker.offer(segment):
            return
        if isinstance(self.bell, Doorbell):
            self.bell.ring_others(f"{SEGMENT}{segment.execution_id}/{segment.number}")

    def errand(self) -> None:
        """Something is to be brought to a parent or to children: soon, or else at the next look."""
        if self.courier is not None:
            self.courier.call()
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
        """Run executions while entered: all that come, or the trees of `only` these roots."""
        async with Workplace(self, only).open():
            yield
