"""What REST offers beyond the procedures of the wire, as procedures like those."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from chaingraph.api import inputs
from chaingraph.api.admission import Admission
from chaingraph.api.batches import batched, spaced
from chaingraph.api.dialects import PLAIN
from chaingraph.api.procedures import roots_json, router
from chaingraph.api.service import Service
from chaingraph.execution.known_types import Declared
from chaingraph.execution.page import EventPage
from chaingraph.execution.ports import StoredFlow
from chaingraph.execution.principals import Principal, Scope
from chaingraph.execution.tree_follow import TreeBatch
from chaingraph.execution.view import SeenEvent
from chaingraph.trpc.router import Procedure, Router


def rest_router(service: Service) -> Router:
    """The procedures by name: those of the wire, and more."""
    calls, admission = _Procedures(service), Admission(service)
    read, write = admission.anybody(Scope.READ), admission.anybody(Scope.WRITE)
    to_stream = admission.to_stream
    on_flow = inputs.OnFlow.model_validate
    return {
        **router(service, PLAIN),
        "listFlows": Procedure("query", inputs.Input.model_validate, calls.flows, read),
        "getFlow": Procedure("query", on_flow, calls.flow, read),
        "storeFlow": Procedure("mutation", inputs.StoreFlow.model_validate, calls.store, write),
        "deleteFlow": Procedure("mutation", on_flow, calls.delete, write),
        "getCatalog": Procedure("query", inputs.Input.model_validate, calls.catalog, read),
        "listExecutions": Procedure("query", inputs.Listing.model_validate, calls.roots, read),
        "getEvents": Procedure("query", inputs.Page.model_validate, calls.page, to_stream),
        "followEvents": Procedure(
            "subscription", inputs.Subscribe.model_validate, calls.follow, to_stream
        ),
        "followTree": Procedure(
            "subscription", inputs.SubscribeToTree.model_validate, calls.follow_tree, to_stream
        ),
    }


@dataclass(frozen=True, slots=True)
class _Procedures:
    service: Service

    async def flows(self, caller: Principal, given: inputs.Input) -> Sequence[StoredFlow]:
        return await self.service.flows(caller)

    async def flow(self, caller: Principal, given: inputs.OnFlow) -> StoredFlow:
        return await self.service.flow(caller, given.flow_id)

    async def store(self, caller: Principal, given: inputs.StoreFlow) -> StoredFlow:
        return await self.service.store_flow(caller, given.document, given.flow_id)

    async def delete(self, caller: Principal, given: inputs.OnFlow) -> None:
        await self.service.delete_flow(caller, given.flow_id)

    async def catalog(self, caller: Principal, given: inputs.Input) -> Sequence[Declared]:
        return await self.service.catalog()

    async def roots(self, caller: Principal, given: inputs.Listing) -> list[dict[str, Any]]:
        return await roots_json(self.service, caller, given)

    async def page(self, caller: Principal, given: inputs.Page) -> EventPage:
        return await self.service.page(
            caller,
            given.execution_id,
            start=int(given.from_index),
            limit=int(given.limit),
            view=given.view,
            types=frozenset(given.event_types),
        )

    async def follow(
        self, caller: Principal, given: inputs.Subscribe
    ) -> AsyncIterator[Sequence[SeenEvent]]:
        pages = self.service.follow(
            caller,
            given.execution_id,
            start=int(given.from_index),
            view=given.view,
            types=frozenset(given.event_types),
        )
        return batched(pages, int(given.batch_size), given.batch_timeout_ms / 1000)

    async def follow_tree(
        self, caller: Principal, given: inputs.SubscribeToTree
    ) -> AsyncIterator[TreeBatch]:
        batches = self.service.follow_tree(
            caller,
            given.execution_id,
            cursor=given.last_event_id or given.cursor,
            view=given.view,
            types=frozenset(given.event_types),
        )
        return spaced(batches, int(given.batch_size), given.batch_timeout_ms / 1000)
