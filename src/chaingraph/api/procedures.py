"""The procedures of the executor: from checked inputs to the service, and back to JSON."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

from pydantic.alias_generators import to_camel

from chaingraph.api import inputs
from chaingraph.api.admission import Admission
from chaingraph.api.dialects import Dialect
from chaingraph.api.service import Service
from chaingraph.api.sharing import sharing
from chaingraph.api.steering import steering
from chaingraph.api.subscriptions import subscriptions
from chaingraph.execution.principals import Principal, Scope
from chaingraph.execution.records import ExecutionRow
from chaingraph.trpc.router import Procedure, Router

_COLUMNS: Final = {each.name: to_camel(each.name) for each in fields(ExecutionRow)}


def router(service: Service, dialect: Dialect) -> Router:
    """The procedures by name, their events written in `dialect`."""
    calls, admission = _Procedures(service), Admission(service)
    read, run = admission.to_execution(Scope.READ), admission.to_execution(Scope.RUN)
    create, listing = admission.anybody(Scope.RUN), admission.anybody(Scope.READ)
    by_id = inputs.OnExecution.model_validate
    return {
        "create": Procedure("mutation", inputs.Create.model_validate, calls.create, create),
        "fork": Procedure("mutation", inputs.Fork.model_validate, calls.fork, run),
        "retry": Procedure("mutation", inputs.Retry.model_validate, calls.retry, run),
        **steering(service, admission),
        "getExecutionDetails": Procedure("query", by_id, calls.details, read),
        "getExecutionsTree": Procedure("query", by_id, calls.tree, read),
        "getRootExecutions": Procedure("query", inputs.Roots.model_validate, calls.roots, listing),
        **sharing(service, admission),
        **subscriptions(service, dialect, admission),
    }


@dataclass(frozen=True, slots=True)
class _Procedures:
    service: Service

    async def create(self, caller: Principal, given: inputs.Create) -> dict[str, str]:
        execution_id = await self.service.create(
            caller,
            given.flow_id,
            options=None if given.options is None else given.options.as_json(),
            integration=given.integration,
            events=None if given.events is None else [each.as_json() for each in given.events],
            inputs=given.inputs,
            idempotency_key=given.idempotency_key,
        )
        return {"executionId": execution_id}

    async def fork(self, caller: Principal, given: inputs.Fork) -> dict[str, str]:
        execution_id = await self.service.fork(
            caller,
            given.execution_id,
            nodes=given.nodes,
            inputs=given.inputs,
            newer=given.newer,
            start=given.start,
            idempotency_key=given.idempotency_key,
        )
        return {"executionId": execution_id}

    async def retry(self, caller: Principal, given: inputs.Retry) -> dict[str, str]:
        execution_id = await self.service.retry(
            caller, given.execution_id, start=given.start, idempotency_key=given.idempotency_key
        )
        return {"executionId": execution_id}

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
        return await roots_json(self.service, caller, given)


async def roots_json(
    service: Service, caller: Principal, given: inputs.Listing
) -> list[dict[str, Any]]:
    """Root executions of a flow, or of all flows."""
    limit = int(given.limit)
    return [
        {
            "execution": row_json(root.execution),
            "levels": root.levels,
            "totalNested": root.total_nested,
        }
        for root in await service.roots(caller, given.flow_id, limit=limit, after=given.after)
    ]


def row_json(row: ExecutionRow) -> dict[str, Any]:
    """An execution with its members named as on the wire."""
    return {name: getattr(row, column) for column, name in _COLUMNS.items()}
