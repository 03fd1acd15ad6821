"""Opening an executor on a database, or in memory."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from itertools import chain, repeat
from pathlib import Path

from chaingraph.durable.accounts import SqlAccounts
from chaingraph.durable.census import census
from chaingraph.durable.database import Database, database_url, translated
from chaingraph.durable.dispatch import Dispatcher
from chaingraph.durable.doorbell import Doorbell
from chaingraph.durable.errands import SqlErrands
from chaingraph.durable.fleet import SqlFleet
from chaingraph.durable.flows import SqlFlows
from chaingraph.durable.journal import SqlJournal
from chaingraph.durable.schema import HEAD, create_flows, current, upgrade
from chaingraph.durable.tokens import SqlTokens
from chaingraph.durable.type_registry import SqlTypeRegistry
from chaingraph.durable.workflow import dbos_engine
from chaingraph.durable.writer import GroupWriter
from chaingraph.engine.catalog import Catalog, load_entry_points, load_module_or_file
from chaingraph.errors import BadInput, StoreUnavailable
from chaingraph.execution.bell import LocalBell
from chaingraph.execution.known_types import KnownTypes, MemoryTypeRegistry
from chaingraph.execution.memory import MemoryJournal
from chaingraph.execution.memory_errands import MemoryErrands
from chaingraph.execution.memory_flows import MemoryFlows
from chaingraph.execution.memory_identity import MemoryAccounts, MemoryTokens
from chaingraph.execution.otlp import tracing
from chaingraph.execution.times import now_ms
from chaingraph.metrics import counting
from chaingraph.modes.house import House
from chaingraph.modes.keys import vault_in_memory, vault_of
from chaingraph.nodes import builtin_catalog
from chaingraph.settings import Settings

log = logging.getLogger(__name__)

#: Seconds between tries to reach the database at the start; the last one is repeated.
STARTUP_PAUSES = (0.1, 0.3, 1.0, 2.0)


def load_catalog(settings: Settings) -> Catalog:
    """The built-in nodes, those of installed packages, and those named in the settings."""
    catalog = load_entry_points(into=builtin_catalog())
    for name in settings.nodes:
        catalog.add(*load_module_or_file(name))
    return catalog


@asynccontextmanager
async def open_house(
    settings: Settings, catalog: Catalog | None = None, *, patience: float = 0.0
) -> AsyncIterator[House]:
    """An executor on the database of the settings, which is created or upgraded first.

    Raises BadInput for a URL that names no database, for a data directory that cannot be made and
    for keys that are none, NewerDatabase for one of a later release, and StoreUnavailable when it
    cannot be reached for `patience` seconds.
    """
    vault = vault_of(settings)
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
            SqlTokens(database, now_ms),
            SqlAccounts(flows_database, now_ms),
            bell,
            database,
            dispatcher,
            flows_database,
            vault,
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
        MemoryTokens(now_ms),
        MemoryAccounts(),
        LocalBell(),
        None,
        None,
        vault=vault_in_memory(chosen),
    )
