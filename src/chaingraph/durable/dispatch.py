"""DBOS as the dispatcher: it brings queued segments to workers. The row is the queue.

What DBOS loses, doubles or brings late is harmless: a segment runs only if its row is queued
under its number. A segment is enqueued in the transaction that queues its row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from dbos import DBOSClient, WorkflowStatus
from sqlalchemy.engine import Connection, Engine

from chaingraph.durable.database import patiently
from chaingraph.durable.serializer import JsonSerializer
from chaingraph.execution.records import Segment

APPLICATION = "chaingraph"
#: Fixed: a restart after an upgrade must find the segments that an older release queued.
APPLICATION_VERSION = "1"
QUEUE = "chaingraph-segments"
WORKFLOW = "chaingraph.segment"

FIRST_SEGMENT_PRIORITY = 10
#: What was running before goes before what is new.
NEXT_SEGMENT_PRIORITY = 5

#: So many segments are looked up at a time: a statement has only so many parameters.
PAGE = 1_000

_RUNNABLE = frozenset(("ENQUEUED", "DELAYED"))


class Dispatcher:
    """Queues segments, and knows what became of them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._client = DBOSClient(
            system_database_engine=engine,
            serializer=JsonSerializer(),
            application_name=APPLICATION,
            retry_connection_errors=False,
            lazy=True,
        )

    def enqueue(self, connection: Connection, segment: Segment) -> None:
        """Queue the segment when the caller's transaction commits. Harmless twice."""
        first = segment.number == 1
        self._client.enqueue_in_transaction(
            connection,
            {
                "queue_name": QUEUE,
                "workflow_name": WORKFLOW,
                "workflow_id": segment.workflow_id,
                "app_version": APPLICATION_VERSION,
                "priority": FIRST_SEGMENT_PRIORITY if first else NEXT_SEGMENT_PRIORITY,
            },
            segment.execution_id,
            segment.number,
        )

    async def cancel(self, segment: Segment) -> None:
        """Free what a dead segment still occupies in the queue. Raises StoreUnavailable."""
        cancel = partial(self._client.cancel_workflow, segment.workflow_id)
        await asyncio.to_thread(patiently, cancel)

    async def sweep(self, alive: frozenset[str]) -> int:
        """Cancel what is pending on executors that are not alive: it eats the concurrency."""
        return await asyncio.to_thread(patiently, partial(self._sweep, alive))

    def _sweep(self, alive: frozenset[str]) -> int:
        pending = self._client.list_workflows(
            queue_name=QUEUE, status="PENDING", load_input=False, load_output=False
        )
        dead = [each.workflow_id for each in pending if each.executor_id not in alive]
        if dead:
            self._client.cancel_workflows(dead)
        return len(dead)

    async def waiting(self) -> list[Segment]:
        """The segments that are waiting in the queue, or the first of many."""
        listing = partial(
            self._client.list_workflows,
            queue_name=QUEUE,
            status="ENQUEUED",
            limit=PAGE,
            load_input=False,
            load_output=False,
        )
        found = await asyncio.to_thread(patiently, listing)
        return [Segment.of_workflow(each.workflow_id) for each in found]

    async def forget(self, segments: Sequence[Segment]) -> None:
        """Bring none of these. Raises StoreUnavailable."""
        cancel = partial(self._client.cancel_workflows, [each.workflow_id for each in segments])
        await asyncio.to_thread(patiently, cancel)

    async def lost(self, segments: Sequence[Segment], alive: frozenset[str]) -> list[Segment]:
        """Those of these queued segments that no live worker will be brought."""
        lost: list[Segment] = []
        for start in range(0, len(segments), PAGE):
            page = segments[start : start + PAGE]
            lost += await asyncio.to_thread(patiently, partial(self._lost, page, alive))
        return lost

    def _lost(self, segments: Sequence[Segment], alive: frozenset[str]) -> list[Segment]:
        ids = [segment.workflow_id for segment in segments]
        known = {
            each.workflow_id: each
            for each in self._client.list_workflows(
                workflow_ids=ids, load_input=False, load_output=False
            )
        }
        return [s for s in segments if not _will_come(known.get(s.workflow_id), alive)]

    def close(self) -> None:
        self._client.destroy()
        self._engine.dispose()


def _will_come(workflow: WorkflowStatus | None, alive: frozenset[str]) -> bool:
    if workflow is None:
        return False
    held = workflow.status == "PENDING" and workflow.executor_id in alive
    return held or workflow.status in _RUNNABLE
