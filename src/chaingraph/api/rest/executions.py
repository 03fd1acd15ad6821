"""Executions: made, listed and shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Final, TypeAlias

from fastapi import FastAPI, Query
from pydantic import BeforeValidator
from starlette.requests import Request
from starlette.responses import Response

from chaingraph.api import inputs
from chaingraph.api.rest import outputs
from chaingraph.api.rest.bodies import body
from chaingraph.api.rest.door import Door, Id, Key, answer
from chaingraph.api.rest.failures import Refused, failures
from chaingraph.errors import BadInput


def _time(text: Any) -> datetime:
    """A time in ISO 8601; UTC where it names no zone."""
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("there is no such time in UTC") from error


FlowId: TypeAlias = Annotated[str | None, Query(alias="flowId", description="Of this flow only")]
Limit: TypeAlias = Annotated[int, Query(ge=1, le=100)]
After: TypeAlias = Annotated[
    Annotated[datetime, BeforeValidator(_time)] | None,
    Query(description="Created before this one: `createdAt` of the last seen"),
]
_START: Final = {"type": "boolean", "default": False, "description": "Let it run at once"}
_ABOUT_ONE: Final = failures("FORBIDDEN", "NOT_FOUND")
MAKING: Final = failures(
    "FORBIDDEN",
    "NOT_FOUND",
    "CONFLICT",
    "PRECONDITION_FAILED",
    "PAYLOAD_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE",
)


@dataclass(frozen=True, slots=True)
class ExecutionRoutes:
    door: Door

    def add_to(self, app: FastAPI) -> None:
        add = partial(app.add_api_route, tags=["executions"])
        add(
            "/executions",
            self.create_execution,
            methods=["POST"],
            status_code=201,
            response_model=outputs.Created,
            responses=MAKING,
            openapi_extra=body(inputs.Create, start=_START),
        )
        add("/executions", self.list_executions, response_model=outputs.Roots, responses=_ABOUT_ONE)
        add(
            "/executions/{id}",
            self.get_execution,
            response_model=outputs.Execution,
            responses=_ABOUT_ONE,
        )
        add(
            "/executions/{id}/tree",
            self.get_execution_tree,
            response_model=outputs.Tree,
            responses=_ABOUT_ONE,
        )

    async def create_execution(self, request: Request, key: Key = None) -> Response:
        """Make an execution of a stored flow. It waits to be started unless `start` is true."""
        visit = self.door.visit(request)
        given = await visit.body()
        starts = given.pop("start", False)
        if not isinstance(starts, bool):
            raise Refused(BadInput("start: expected true or false"))
        made = await visit.call("create", given, idempotencyKey=key or None)
        if starts:
            command_id = f"{key}/start" if key else None
            await visit.call("start", commandId=command_id, **made)
        return created(request, made)

    async def list_executions(
        self, request: Request, flow_id: FlowId = None, limit: Limit = 50, after: After = None
    ) -> Response:
        """Root executions, newest first."""
        found = await self.door.call(
            request, "listExecutions", flowId=flow_id, limit=limit, after=after
        )
        return answer({"executions": found})

    async def get_execution(self, request: Request, id: Id) -> Response:
        """An execution as it stands."""
        return answer(await self.door.call(request, "getExecutionDetails", executionId=id))

    async def get_execution_tree(self, request: Request, id: Id) -> Response:
        """The execution and all its descendants, by level."""
        found = await self.door.call(request, "getExecutionsTree", executionId=id)
        return answer({"executions": found})


def created(request: Request, made: dict[str, Any]) -> Response:
    place = f"{request.scope.get('root_path', '')}/executions/{made['executionId']}"
    return answer(made, 201, {"location": place})
