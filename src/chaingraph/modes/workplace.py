"""A worker in this process: its lives one after the other, its heartbeat, queue and courier."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import psutil

from chaingraph.durable.chores import chores
from chaingraph.durable.database import Database
from chaingraph.durable.heartbeat import heartbeat
from chaingraph.durable.prune import Retention
from chaingraph.durable.workflow import dispatching
from chaingraph.execution.children import Limits
from chaingraph.execution.courier import Courier
from chaingraph.execution.liveness import Observer
from chaingraph.execution.processes import host_name, process_runs
from chaingraph.execution.records import Segment, WorkerRow
from chaingraph.execution.segment import Shutdown, World
from chaingraph.execution.worker import Chore, Worker

if TYPE_CHECKING:
    from chaingraph.modes.house import House

log = logging.getLogger(__name__)


class Workplace:
    """Where a house works; `only` restricts it to the trees of these roots."""

    def __init__(self, house: House, only: frozenset[str] | None) -> None:
        self._house = house
        self._only = only

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Run executions while entered."""
        house = self._house
        if self._only is None:
            await house.types.publish()
        async with asyncio.TaskGroup() as tasks:
            ready = asyncio.Event()
            lives = tasks.create_task(self._live_again_and_again(ready))
            await ready.wait()
            house.courier = Courier(house.errands, house.bell, house.launch, self._only)
            rounds = tasks.create_task(house.courier.work())
            try:
                yield
            finally:
                house.courier = None
                rounds.cancel()
                lives.cancel()

    async def _live_again_and_again(self, ready: asyncio.Event) -> None:
        """A worker that was declared dead ends; the next life has a new id."""
        house = self._house
        while True:
            died = asyncio.Event()
            worker = self._new_worker()
            async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
                life = tasks.create_task(worker.live())
                await worker.ready.wait()
                if house.database is not None:
                    await self._connect(worker, stack, died, house.database)
                house.worker = worker
                ready.set()
                await died.wait()
                log.warning("worker %s was declared dead; starting anew", worker.me.id)
                worker.is_lost = True
                life.cancel()

    async def _connect(
        self, worker: Worker, stack: AsyncExitStack, died: asyncio.Event, database: Database
    ) -> None:
        beats = heartbeat(database.url, worker.me.id, declared_dead=died.set)
        await stack.enter_async_context(beats)
        if self._only is None:
            slots = self._house.settings.slots
            bringing = dispatching(database, worker.bring, executor_id=worker.me.id, slots=slots)
            await stack.enter_async_context(bringing)

    def _new_worker(self) -> Worker:
        house, settings = self._house, self._house.settings
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
            house.journal,
            house.bell,
            house.compile_flow,
            house.clock,
            settings.lease_seconds,
            settings.max_value_bytes,
            launch=house.launch,
            shutdown=self._shutdown(),
            errand=house.errand,
            load_flow=house.service.ready_flow,
            limits=Limits(settings.max_depth, settings.max_children),
            vault=house.vault,
            trace=house.trace,
        )
        observer = Observer(host_name(), settings.lease_seconds, time.monotonic, process_runs)
        return Worker(
            row,
            world,
            house.fleet,
            observer,
            settings.slots,
            self._cancel_dispatch,
            self._only,
            settings.concurrency or None,
            chores=() if self._only is not None else self._chores(),
        )

    def _chores(self) -> tuple[Chore, ...]:
        house, settings = self._house, self._house.settings
        if house.database is None:
            return ()
        retention = Retention(settings.retention_age, settings.retention_keep)
        return chores(
            house.database,
            retention,
            settings.start_timeout,
            ring=house.bell.ring,
            clock=house.clock,
        )

    def _shutdown(self) -> Shutdown:
        """Who runs one execution and is told to go goes at once."""
        if self._only is not None:
            return Shutdown()
        settings = self._house.settings
        return Shutdown(settings.drain_seconds, settings.drain_once_seconds)

    async def _cancel_dispatch(self, segment: Segment) -> None:
        if self._house.dispatcher is not None:
            await self._house.dispatcher.cancel(segment)
