"""What DBOS remembers of segments that were dispatched: read by the doctor, deleted by prune."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from dbos import DBOSClient

from chaingraph.durable.database import Database, patiently
from chaingraph.durable.dispatch import APPLICATION, QUEUE
from chaingraph.durable.serializer import JsonSerializer
from chaingraph.durable.workflow import dbos_engine

#: So many workflows are deleted in one transaction.
PAGE = 500


@dataclass(frozen=True, slots=True)
class Held:
    """A workflow that an executor took and has not ended."""

    workflow_id: str
    executor_id: str


class Dispatched:
    """DBOS's rows of our segments. Raises StoreUnavailable."""

    def __init__(self, client: DBOSClient) -> None:
        self._client = client

    async def held(self) -> list[Held]:
        """What DBOS takes for running."""
        listing = partial(
            self._client.list_workflows,
            status="PENDING",
            queue_name=QUEUE,
            load_input=False,
            load_output=False,
        )
        found = await asyncio.to_thread(patiently, listing)
        return [Held(each.workflow_id, each.executor_id or "") for each in found]

    async def cancel(self, workflow_id: str) -> None:
        """Free what it still occupies in the queue."""
        cancel = partial(self._client.cancel_workflow, workflow_id)
        await asyncio.to_thread(patiently, cancel)

    async def forget(self, workflow_ids: Sequence[str]) -> None:
        """Delete these, as far as they are there."""
        for start in range(0, len(workflow_ids), PAGE):
            page = list(workflow_ids[start : start + PAGE])
            await asyncio.to_thread(patiently, partial(self._client.delete_workflows, page))


@contextmanager
def dispatched(database: Database) -> Iterator[Dispatched]:
    """DBOS's rows in this database, over connections that are closed at the end."""
    engine = dbos_engine(database)
    client = DBOSClient(
        system_database_engine=engine,
        serializer=JsonSerializer(),
        application_name=APPLICATION,
        retry_connection_errors=False,
        lazy=True,
    )
    try:
        yield Dispatched(client)
    finally:
        client.destroy()
        engine.dispose()
