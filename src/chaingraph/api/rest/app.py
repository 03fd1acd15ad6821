"""The executor as plain HTTP, described by OpenAPI."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic.alias_generators import to_camel
from starlette.exceptions import HTTPException

from chaingraph.api.rest.commands import CommandRoutes
from chaingraph.api.rest.door import Door
from chaingraph.api.rest.events import EventRoutes
from chaingraph.api.rest.executions import ExecutionRoutes
from chaingraph.api.rest.failures import (
    Refused,
    answer_http,
    answer_refused,
    answer_unreadable,
)
from chaingraph.api.rest.flows import FlowRoutes
from chaingraph.api.rest.pages import add_pages
from chaingraph.api.rest.shares import ShareRoutes

PREFIX: Final = "/api/v1"
_TOKEN: Final = {"type": "http", "scheme": "bearer", "description": "Who calls"}
_ABOUT: Final = (
    "Flows, their executions, commands to these and their events. "
    "Whatever is refused answers `error` with a `code`, a `message` and often `problems`."
)


def build_rest(door: Door) -> FastAPI:
    """An application to be mounted at `PREFIX`; its pages are `/docs` and `/openapi.json`."""
    app = RestApp(
        title="ChainGraph executor",
        description=_ABOUT,
        version=version("chaingraph"),
        servers=[{"url": PREFIX}],
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        exception_handlers={
            Refused: answer_refused,
            RequestValidationError: answer_unreadable,
            HTTPException: answer_http,
        },
    )
    for routes in (FlowRoutes, ExecutionRoutes, CommandRoutes, EventRoutes, ShareRoutes):
        routes(door).add_to(app)
    add_pages(app)
    return app


class RestApp(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """The document, without the 422 that FastAPI adds: here such input is a 400."""
        if self.openapi_schema is None:
            document = super().openapi()
            for path in document["paths"].values():
                for operation in path.values():
                    operation["responses"].pop("422", None)
            for name in ("HTTPValidationError", "ValidationError"):
                document["components"]["schemas"].pop(name, None)
            document["components"]["securitySchemes"] = {"token": _TOKEN}
            document["security"] = [{"token": []}, {}]  # a server may ask nobody
        return super().openapi()


def _operation_id(route: APIRoute) -> str:
    return to_camel(route.name)
