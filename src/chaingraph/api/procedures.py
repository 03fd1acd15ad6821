"""The procedures of the executor: from checked inputs to the service, and back to JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, Protocol, TypeAlias

from pydantic.alias_generators import to_camel

from chaingraph.api import inputs
from chaingraph.api.batches import batched, closing
from chaingraph.api.dialects import Dialect
from chaingraph.execution.records import ExecutionRow, Principal
from chaingraph.execution.service import Root, TreeNode, View
from chaingraph.execution.view import SeenEvent
from chaingraph.trpc.codes import TRPCError
from chaingraph.trpc.router import Procedure, ReadInput, Router

Caller: TypeAlias = Principal | None
_COLUMNS: Final = {each.name: to_camel(each.name) for each in fields(ExecutionRow)}
_DONE: Final = {"success": True}


class Service(Protocol):
    """The use cases behind the procedures. Each checks that its principal may do it."""

    async def create(
        self,
        principal: Principal,
        flow_id: str,
        *,
        options: dict[str, Any] | None,
        integration: dict[str, Any] | None,
        events: list[dict[str, Any]] | None,
        idempotency_key: str | None,
    ) -> str: ...

    async def start(
        self, principal: Principal, execution_id: str, *, command_id: str | None = None
    ) -> None: ...

    async def stop(
        self,
        principal: Principal,
        execution_id: str,
        *,
        reason: str | None = None,
        command_id: str | None = None,
    ) -> None: ...

    async def details(self, principal: Principal, execution_id: str) -> ExecutionRow: ...

    async def tree(self, principal: Principal, execution_id: str) -> Sequence[TreeNode]: ...

    async def roots(
        self, principal: Principal, flow_id: str, *, limit: int, after: datetime | None
    ) -> Sequence[Root]: ...

    def follow(
        self,
        principal: Principal,
        execution_id: str,
        *,
        start: int,
        view: View,
        types: frozenset[str],
    ) -> AsyncIterator[Sequence[SeenEvent]]: ...


def router(service: Service, dialect: Dialect) -> Router:
    """The procedures by name, their events written in `dialect`."""
    calls = _Procedures(service, dialect)
    known = calls.admit_authenticated
    reached = calls.admit_to_execution
    followed = calls.admit_to_stream
    by_id = inputs.OnExecution.model_validate
    return {
        "create": Procedure("mutation", inputs.Create.model_validate, calls.create, known),
        "start": Procedure("mutation", inputs.Start.model_validate, calls.start, reached),
        "stop": Procedure("mutation", inputs.Stop.model_validate, calls.stop, reached),
        "getExecutionDetails": Procedure("query", by_id, calls.details, reached),
        "getExecutionsTree": Procedure("query", by_id, calls.tree, reached),
        "getRootExecutions": Procedure("query", inputs.Roots.model_validate, calls.roots, known),
        "subscribeToExecutionEvents": Procedure(
            "subscription", inputs.Subscribe.model_validate, calls.subscribe, followed
        ),
    }


@dataclass(frozen=True, slots=True)
class _Procedures:
    service: Service
    dialect: Dialect

    async def admit_authenticated(self, caller: Caller, read_input: ReadInput) -> None:
        if caller is None:
            raise TRPCError("UNAUTHORIZED", "UNAUTHORIZED")

    async def admit_to_execution(self, caller: Caller, read_input: ReadInput) -> None:
        """Who may not reach the execution learns nothing about the rest of the input."""
        principal, execution_id = _principal(caller), _execution_id(read_input())
        if execution_id is None:
            # Clients of the original know this as an internal error.
            problem = "Parameter executionId is required for this procedure"
            raise TRPCError("INTERNAL_SERVER_ERROR", problem)
        if principal.role != "admin":
            await self.service.details(principal, execution_id)

    async def admit_to_stream(self, caller: Caller, read_input: ReadInput) -> None:
        """Refuses before the stream begins. A missing id is left to the schema: an event source
        would take an internal error for a hiccup and come back for ever."""
        principal, execution_id = _principal(caller), _execution_id(read_input())
        if execution_id is not None:
            await self.service.details(principal, execution_id)

    async def create(self, caller: Principal, given: inputs.Create) -> dict[str, str]:
        execution_id = await self.service.create(
            caller,
            given.flow_id,
            options=None if given.options is None else given.options.as_json(),
            integration=given.integration,
            events=None if given.events is None else [each.as_json() for each in given.events],
            idempotency_key=given.idempotency_key,
        )
        return {"executionId": execution_id}

    async def start(self, caller: Principal, given: inputs.Start) -> Mapping[str, bool]:
        await self.service.start(caller, given.execution_id, command_id=given.command_id)
        return _DONE

    async def stop(self, caller: Principal, given: inputs.Stop) -> Mapping[str, bool]:
        await self.service.stop(
            caller, given.execution_id, reason=given.reason, command_id=given.command_id
        )
        return _DONE

    async def details(self, caller: Principal, given: inputs.OnExecution) -> dict[str, Any]:
        return row_json(await self.service.details(caller, given.execution_id))

    async def tree(self, caller: Principal, given: inputs.OnExecution) -> list[dict[str, Any]]:
        return [
            {
                "id": node.id,
                "parentId": node.parent_id,
                "level": node.level,
                "execution": row_json(node.execution),
            }
            for node in await self.service.tree(caller, given.execution_id)
        ]

    async def roots(self, caller: Principal, given: inputs.Roots) -> list[dict[str, Any]]:
        limit = int(given.limit)
        return [
            {
                "execution": row_json(root.execution),
                "levels": root.levels,
                "totalNested": root.total_nested,
            }
            for root in await self.service.roots(
                caller, given.flow_id, limit=limit, after=given.after
            )
        ]

    async def subscribe(
        self, caller: Principal, given: inputs.Subscribe
    ) -> AsyncIterator[list[Any]]:
        pages = self.service.follow(
            caller,
            given.execution_id,
            start=int(given.from_index),
            view=given.view if self.dialect.has_compact_view else "full",
            types=self.dialect.types(given.event_types),
        )
        batches = batched(pages, int(given.batch_size), given.batch_timeout_ms / 1000)
        return self._written(batches)

    async def _written(
        self, batches: AsyncIterator[Sequence[SeenEvent]]
    ) -> AsyncIterator[list[Any]]:
        async with closing(batches):
            async for batch in batches:
                yield [self.dialect.write(event) for event in batch]
        if not self.dialect.completes:
            await asyncio.Event().wait()


def row_json(row: ExecutionRow) -> dict[str, Any]:
    """An execution with its members named as on the wire."""
    return {name: getattr(row, column) for column, name in _COLUMNS.items()}


def _principal(caller: Caller) -> Principal:
    if caller is None:
        raise TRPCError("UNAUTHORIZED", "UNAUTHORIZED")
    return caller


def _execution_id(raw: Any) -> str | None:
    value = raw.get("executionId") if isinstance(raw, dict) else None
    return value if isinstance(value, str) and value else None
