"""The three backends behind one face, on a clock that tests move."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from chaingraph.durable.accounts import SqlAccounts
from chaingraph.durable.database import Database, database_url
from chaingraph.durable.dispatch import Dispatcher
from chaingraph.durable.errands import SqlErrands
from chaingraph.durable.fleet import SqlFleet
from chaingraph.durable.flows import SqlFlows
from chaingraph.durable.journal import SqlJournal
from chaingraph.durable.schema import upgrade
from chaingraph.durable.tokens import SqlTokens
from chaingraph.durable.workflow import dbos_engine
from chaingraph.durable.writer import GroupWriter
from chaingraph.execution.identity import Accounts, Tokens
from chaingraph.execution.memory import MemoryJournal
from chaingraph.execution.memory_errands import MemoryErrands
from chaingraph.execution.memory_flows import MemoryFlows
from chaingraph.execution.memory_identity import MemoryAccounts, MemoryTokens
from chaingraph.execution.ports import Errands, Fleet, Flows, Journal


class MovedClock:
    """Milliseconds since 1970; stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_123

    def __call__(self) -> int:
        return self.now

    def move(self, ms: int) -> None:
        self.now += ms


@dataclass(frozen=True)
class Backend:
    journal: Journal
    flows: Flows
    fleet: Fleet
    errands: Errands
    tokens: Tokens
    accounts: Accounts
    clock: MovedClock
    #: the database and the queue, for what the ports do not show; None in memory
    database: Database | None = None
    dispatcher: Dispatcher | None = None


def memory_backend() -> Backend:
    clock = MovedClock()
    journal = MemoryJournal(clock)
    errands = MemoryErrands(journal, clock)
    flows, tokens, accounts = MemoryFlows(clock), MemoryTokens(clock), MemoryAccounts()
    return Backend(journal, flows, journal, errands, tokens, accounts, clock)


@asynccontextmanager
async def sql_backend(url: str) -> AsyncIterator[Backend]:
    """A backend on this database, which is upgraded first if need be."""
    clock = MovedClock()
    database = Database(database_url(url))
    upgrade(database)
    dispatcher, writer = Dispatcher(dbos_engine(database)), GroupWriter(database, clock)
    writing = asyncio.create_task(writer.run())
    try:
        yield Backend(
            SqlJournal(database, writer, dispatcher, clock),
            SqlFlows(database, clock),
            SqlFleet(database, dispatcher, clock),
            SqlErrands(database, dispatcher, clock),
            SqlTokens(database, clock),
            SqlAccounts(database, clock),
            clock,
            database,
            dispatcher,
        )
    finally:
        writing.cancel()
        await asyncio.wait([writing])
        await writer.close()
        dispatcher.close()
        database.close()
