"""The stored flows of a principal: kept, shown, replaced and deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from chaingraph.engine.seams import Vault
from chaingraph.errors import BadInput, FlowNotFound, Forbidden
from chaingraph.execution.intake import Prepared, flow_json, prepare
from chaingraph.execution.known_types import Declared, KnownTypes
from chaingraph.execution.ports import Flows, StoredFlow
from chaingraph.execution.principals import Principal
from chaingraph.execution.sealing import seal_flow
from chaingraph.flow.codec import read_document
from chaingraph.flow.ids import new_flow_id
from chaingraph.flow.model import Flow

#: Flows of more nodes than this are checked in a thread.
LARGE = 300


class StoredFlows:
    """Raises FlowNotFound, Forbidden, and InvalidFlow with everything that is wrong."""

    def __init__(self, flows: Flows, types: KnownTypes, max_value_bytes: int, vault: Vault) -> None:
        self._flows = flows
        self._types = types
        self._max_value_bytes = max_value_bytes
        self._vault = vault

    async def flows(self, principal: Principal) -> list[StoredFlow]:
        return await self._flows.list(principal.owners)

    async def flow(self, principal: Principal, flow_id: str) -> StoredFlow:
        found = await self._flows.get(flow_id)
        if found is None:
            raise FlowNotFound(flow_id)
        if not principal.may_use(found.owner):
            raise Forbidden(f"flow {flow_id}")
        return found

    async def import_flow(
        self, principal: Principal, flow: Flow, inputs: Mapping[str, Any] | None = None
    ) -> StoredFlow:
        """Store a flow under its id: new, or as the next version.

        `inputs` are those it will run with: a required port may have no value without them.
        They are not stored. A flow that names no owner is its principal's, or stays whose it is;
        for its owner its secrets are sealed.
        """
        whole = (await self._prepare(flow, inputs)).flow
        known = await self._flows.get(flow.id)
        before = principal.user_id if known is None else known.owner
        owner = str(flow.metadata.get("ownerID") or before)
        if not principal.may_use(owner):
            raise Forbidden(f"flow {flow.id}")
        sealed = seal_flow(flow, whole, partial(self._vault.seal, owner=owner))
        # Whose it was is judged there: it may have become another's since it was looked up.
        return await self._flows.put(flow_json(sealed), owner, principal.owners)

    async def store_flow(
        self, principal: Principal, document: Mapping[str, Any], flow_id: str | None = None
    ) -> StoredFlow:
        """Store a flow from its JSON, in the stored or the compact form.

        Its id is `flow_id`, else the one that it names, else a new one. Raises UnreadableFlow when
        it is no flow, and BadInput when it names another id.
        """
        await self._types.learn()
        named = _named_id(document)
        if flow_id is not None and named not in (None, flow_id):
            raise BadInput(f"The flow names the id {named}, not {flow_id}")
        own_id = flow_id or named or new_flow_id()
        flow = read_document({**document, "id": own_id}, own_id, self._types)
        return await self.import_flow(principal, replace(flow, id=own_id))

    async def delete_flow(self, principal: Principal, flow_id: str) -> None:
        """Forget a flow. Its executions go on: each has its own copy."""
        if not await self._flows.delete(flow_id, principal.owners):
            await self.flow(principal, flow_id)  # says why

    async def catalog(self) -> list[Declared]:
        """The node types that flows may use, by name: those here, and those of the workers."""
        await self._types.learn()
        return [each for name in self._types if (each := self._types.get(name)) is not None]

    async def _prepare(
        self, flow: Flow, inputs: Mapping[str, Any] | None, owner: str | None = None
    ) -> Prepared:
        """Without an owner there is nobody to seal secrets for: only look at what it gives."""
        await self._types.learn(node.type for node in flow.nodes.values())
        work = partial(
            prepare,
            flow,
            self._types,
            inputs or {},
            max_value_bytes=self._max_value_bytes,
            seal=partial(self._vault.seal, owner=owner) if owner is not None else None,
        )
        # A large flow takes seconds, and everybody else in this process would wait for it.
        return await asyncio.to_thread(work) if len(flow.nodes) > LARGE else work()


def _named_id(document: Mapping[str, Any]) -> str | None:
    metadata = document.get("metadata")
    also = metadata.get("id") if isinstance(metadata, Mapping) else None
    named = document.get("id") or also
    return str(named) if named else None
