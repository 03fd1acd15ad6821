"""Who may reach an execution. Every use case begins here."""

from __future__ import annotations

from chaingraph.errors import ExecutionNotFound, Forbidden
from chaingraph.execution.ports import Journal
from chaingraph.execution.principals import Principal
from chaingraph.execution.records import Stored


class OfOwners:
    """Use cases on executions. Raises ExecutionNotFound, and Forbidden for those of others."""

    _journal: Journal

    async def _stored(self, execution_id: str) -> Stored:
        stored = await self._journal.get(execution_id)
        if stored is None:
            raise ExecutionNotFound(execution_id)
        return stored

    async def _owned(self, principal: Principal, execution_id: str) -> Stored:
        """For whoever may do with it what they like."""
        stored = await self._stored(execution_id)
        if not principal.may_use(stored.row.owner_id):
            raise Forbidden(f"execution {execution_id}")
        return stored

    async def _visible(self, principal: Principal, execution_id: str) -> Stored:
        """For whoever may look at it."""
        stored = await self._stored(execution_id)
        if not principal.may_watch(execution_id, stored.row.owner_id):
            raise Forbidden(f"execution {execution_id}")
        return stored
