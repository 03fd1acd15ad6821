"""Flows and the nodes they are made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from chaingraph.api.rest import outputs
from chaingraph.api.rest.bodies import described
from chaingraph.api.rest.door import Door, Id, answer
from chaingraph.api.rest.failures import failures
from chaingraph.execution.known_types import written
from chaingraph.execution.ports import StoredFlow

_DOCUMENT: Final = described(
    {
        "type": "object",
        "description": "A flow in the stored form (`nodes` is a list) or the compact one",
        "properties": {
            "nodes": {"anyOf": [{"type": "array"}, {"type": "object"}]},
        },
        "required": ["nodes"],
    },
    required=True,
)
_ABOUT_ONE: Final = failures("FORBIDDEN", "NOT_FOUND")
_STORING: Final = failures(
    "FORBIDDEN", "PRECONDITION_FAILED", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE"
)
_STORED: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": outputs.StoredFlow, "description": "It was there: this is the next version"},
    201: {"model": outputs.StoredFlow, "description": "It is new"},
}


@dataclass(frozen=True, slots=True)
class FlowRoutes:
    door: Door

    def add_to(self, app: FastAPI) -> None:
        add = partial(app.add_api_route, tags=["flows"])
        add("/flows", self.list_flows, response_model=outputs.Flows, responses=failures())
        add(
            "/flows",
            self.store_flow,
            methods=["POST"],
            responses=_STORING | _STORED,
            openapi_extra=_DOCUMENT,
        )
        add("/flows/{id}", self.get_flow, response_model=outputs.StoredFlow, responses=_ABOUT_ONE)
        add(
            "/flows/{id}",
            self.replace_flow,
            methods=["PUT"],
            responses=_STORING | _STORED,
            openapi_extra=_DOCUMENT,
        )
        add(
            "/flows/{id}",
            self.delete_flow,
            methods=["DELETE"],
            status_code=204,
            responses=_ABOUT_ONE,
        )
        add(
            "/catalog",
            self.get_catalog,
            tags=["catalog"],
            response_model=outputs.Catalog,
            responses=failures(),
        )

    async def list_flows(self, request: Request) -> Response:
        """The flows of the caller, newest first, without their nodes."""
        found = await self.door.call(request, "listFlows")
        return answer({"flows": [_summary(each) for each in found]})

    async def store_flow(self, request: Request) -> Response:
        """Store a flow under its own id. Everything that is wrong with it is in `problems`."""
        return await self._store(request, None)

    async def get_flow(self, request: Request, id: Id) -> Response:
        """A flow in the stored form."""
        return answer(_whole(await self.door.call(request, "getFlow", flowId=id)))

    async def replace_flow(self, request: Request, id: Id) -> Response:
        """Store a flow under this id: new, or as the next version.

        What runs already goes on with the version that it began with.
        """
        return await self._store(request, id)

    async def delete_flow(self, request: Request, id: Id) -> Response:
        """Forget a flow. Its executions stay, and go on."""
        await self.door.call(request, "deleteFlow", flowId=id)
        return Response(status_code=204)

    async def get_catalog(self, request: Request) -> Response:
        """The node types that flows may use, with their ports."""
        found = await self.door.call(request, "getCatalog")
        return answer({"nodeTypes": [{"name": each.name, **written(each)} for each in found]})

    async def _store(self, request: Request, flow_id: str | None) -> Response:
        visit = self.door.visit(request)
        document = await visit.body()
        stored: StoredFlow = await visit.call("storeFlow", document=document, flowId=flow_id)
        if stored.version > 1:
            return answer(_whole(stored))
        place = f"{request.scope.get('root_path', '')}/flows/{quote(stored.id, safe='')}"
        return answer(_whole(stored), 201, {"location": place})


def _summary(stored: StoredFlow) -> dict[str, Any]:
    metadata = stored.data.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return {
        "id": stored.id,
        "name": str(name or stored.id),
        "ownerId": stored.owner,
        "version": stored.version,
        "createdAt": stored.created_at,
        "updatedAt": stored.updated_at,
    }


def _whole(stored: StoredFlow) -> dict[str, Any]:
    return {**_summary(stored), "flow": stored.data}
