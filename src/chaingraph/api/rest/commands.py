"""What is done to an execution: commands, and new executions made of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from fastapi import FastAPI
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response

from chaingraph.api import inputs
from chaingraph.api.rest import outputs
from chaingraph.api.rest.bodies import body
from chaingraph.api.rest.door import Door, Id, Key, answer
from chaingraph.api.rest.executions import MAKING, created
from chaingraph.api.rest.failures import failures


@dataclass(frozen=True, slots=True)
class Operation:
    path: str
    name: str
    input: type[inputs.Input]
    about: str


COMMANDS: Final = (
    Operation("start", "start", inputs.Command, "Let a created execution run."),
    Operation("stop", "stop", inputs.Stop, "End it, and its descendants with it."),
    Operation("pause", "pause", inputs.Pause, "Let running bodies end and begin no more nodes."),
    Operation("resume", "resume", inputs.Resume, "Go on, up to the next breakpoint."),
    Operation("step", "step", inputs.Command, "Run the first node that is held."),
    Operation("signals", "send_signal", inputs.SendSignal, "Answer the node that waits for this."),
    Operation("breakpoints", "set_breakpoints", inputs.SetBreakpoints, "Hold here and only here."),
)
DESCENDANTS: Final = (
    Operation("fork", "fork", inputs.Fork, "A new execution that takes over what was finished."),
    Operation("retry", "retry", inputs.Retry, "A fork from the nodes that failed."),
)
_COMMANDING: Final = failures(
    "FORBIDDEN", "NOT_FOUND", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE"
)


@dataclass(frozen=True, slots=True)
class CommandRoutes:
    """A command that is accepted takes effect when a worker has read it: an event tells."""

    door: Door

    def add_to(self, app: FastAPI) -> None:
        add = partial(app.add_api_route, methods=["POST"], tags=["commands"])
        for each in COMMANDS:
            add(
                f"/executions/{{id}}/{each.path}",
                self._command(to_camel(each.name)),
                name=each.name,
                description=each.about,
                status_code=202,
                response_model=outputs.Accepted,
                responses=_COMMANDING,
                openapi_extra=body(each.input),
            )
        for each in DESCENDANTS:
            add(
                f"/executions/{{id}}/{each.path}",
                self._descend(to_camel(each.name)),
                name=each.name,
                description=each.about,
                status_code=201,
                response_model=outputs.Created,
                responses=MAKING,
                openapi_extra=body(each.input),
            )

    def _command(self, procedure: str) -> Callable[..., Awaitable[Response]]:
        async def command(request: Request, id: Id, key: Key = None) -> Response:
            visit = self.door.visit(request)
            given = await visit.body()
            done = await visit.call(procedure, given, executionId=id, commandId=key or None)
            return answer(done, 202)

        return command

    def _descend(self, procedure: str) -> Callable[..., Awaitable[Response]]:
        async def descend(request: Request, id: Id, key: Key = None) -> Response:
            visit = self.door.visit(request)
            given = await visit.body()
            made = await visit.call(procedure, given, executionId=id, idempotencyKey=key or None)
            return created(request, made)

        return descend
