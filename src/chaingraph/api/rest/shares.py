"""Links with which others may watch an execution."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Final

from fastapi import FastAPI, Path
from starlette.requests import Request
from starlette.responses import Response

from chaingraph.api import inputs
from chaingraph.api.rest import outputs
from chaingraph.api.rest.bodies import body
from chaingraph.api.rest.door import Door, Id, answer
from chaingraph.api.rest.failures import failures

_PATH: Final = "/executions/{id}/shares"
_ABOUT_ONE: Final = failures("FORBIDDEN", "NOT_FOUND")
_MAKING: Final = failures("FORBIDDEN", "NOT_FOUND", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE")


@dataclass(frozen=True, slots=True)
class ShareRoutes:
    door: Door

    def add_to(self, app: FastAPI) -> None:
        add = partial(app.add_api_route, tags=["shares"])
        add(
            _PATH,
            self.share_execution,
            methods=["POST"],
            status_code=201,
            response_model=outputs.NewShare,
            responses=_MAKING,
            openapi_extra=body(inputs.Share),
        )
        add(_PATH, self.get_shares, response_model=outputs.Shares, responses=_ABOUT_ONE)
        add(
            f"{_PATH}/{{share_id}}",
            self.unshare_execution,
            methods=["DELETE"],
            status_code=204,
            responses=_ABOUT_ONE,
        )

    async def share_execution(self, request: Request, id: Id) -> Response:
        """A token for whoever shall watch this execution, and nothing else; for a week unless
        another time is said. It is not shown again.

        It is sent like any token or, where that is not possible, as `?share=` of
        `/executions/{id}` and `/executions/{id}/events`.
        """
        visit = self.door.visit(request)
        given = await visit.body()
        return answer(await visit.call("shareExecution", given, executionId=id), 201)

    async def get_shares(self, request: Request, id: Id) -> Response:
        """The shares that are good now, newest first, without their tokens."""
        found = await self.door.call(request, "getShares", executionId=id)
        return answer({"shares": found})

    async def unshare_execution(
        self,
        request: Request,
        id: Id,
        share_id: Annotated[str, Path(description="Of the share")],
    ) -> Response:
        """Take a share back. Who watches with it is cut off within half a minute."""
        await self.door.call(request, "unshareExecution", executionId=id, shareId=share_id)
        return Response(status_code=204)
