"""The procedures that stream events: of one execution, and of a whole tree."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from chaingraph.api import inputs
from chaingraph.api.admission import Admission
from chaingraph.api.batches import batched, closing, spaced
from chaingraph.api.dialects import Dialect
from chaingraph.api.service import Following
from chaingraph.execution.principals import Principal
from chaingraph.execution.tree_follow import TreeBatch
from chaingraph.execution.view import SeenEvent
from chaingraph.superjson import Prepared
from chaingraph.trpc.router import Procedure, Router, Tracked


def subscriptions(service: Following, dialect: Dialect, admission: Admission) -> Router:
    """The procedures by name, their events written in `dialect`."""
    calls, admit = _Subscriptions(service, dialect), admission.to_stream
    return {
        "subscribeToExecutionEvents": Procedure(
            "subscription", inputs.Subscribe.model_validate, calls.subscribe, admit
        ),
        "subscribeToTreeEvents": Procedure(
            "subscription", inputs.SubscribeToTree.model_validate, calls.subscribe_to_tree, admit
        ),
    }


@dataclass(frozen=True, slots=True)
class _Subscriptions:
    service: Following
    dialect: Dialect

    async def subscribe(
        self, caller: Principal, given: inputs.Subscribe
    ) -> AsyncIterator[Prepared]:
        pages = self.service.follow(
            caller,
            given.execution_id,
            start=int(given.from_index),
            view=given.view,
            types=self.dialect.types(given.event_types),
        )
        batches = batched(pages, int(given.batch_size), given.batch_timeout_ms / 1000)
        return self._written(batches)

    async def subscribe_to_tree(
        self, caller: Principal, given: inputs.SubscribeToTree
    ) -> AsyncIterator[Tracked]:
        batches = self.service.follow_tree(
            caller,
            given.execution_id,
            cursor=given.last_event_id or given.cursor,
            view=given.view,
            types=self.dialect.types(given.event_types),
        )
        return self._tracked(spaced(batches, int(given.batch_size), given.batch_timeout_ms / 1000))

    async def _written(
        self, batches: AsyncIterator[Sequence[SeenEvent]]
    ) -> AsyncIterator[Prepared]:
        async with closing(batches):
            async for batch in batches:
                yield self.dialect.write_all(batch)
        await self._end()

    async def _tracked(self, batches: AsyncIterator[TreeBatch]) -> AsyncIterator[Tracked]:
        """Batches under their cursors: a client that comes back begins after its last one."""
        async with closing(batches):
            async for batch in batches:
                events = [
                    {"executionId": each.execution_id, "event": self.dialect.write(each.event)}
                    for each in batch.events
                ]
                yield Tracked(batch.cursor, {"cursor": batch.cursor, "events": events})
        await self._end()

    async def _end(self) -> None:
        if not self.dialect.completes:
            await asyncio.Event().wait()
