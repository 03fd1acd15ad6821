"""From an HTTP request to a procedure of the wire, and back to plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import orjson
from fastapi import Header, Path
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from chaingraph import superjson
from chaingraph.api.farewell import Farewell
from chaingraph.api.identity.credentials import Credentials
from chaingraph.api.identity.visitor import Gate, Visitor
from chaingraph.api.rest.failures import JSON, Refused
from chaingraph.api.uploads import Upload, unhurried
from chaingraph.errors import ValueTooLarge
from chaingraph.trpc.codes import TRPCError
from chaingraph.trpc.router import Router
from chaingraph.trpc.transformer import write_json

Id: TypeAlias = Annotated[str, Path(description="Of the flow, or of the execution")]
Key: TypeAlias = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="The same key with the same input is one call: it gets the same answer",
    ),
]


@dataclass(frozen=True, slots=True)
class Door:
    """Calls procedures as the sender of a request. Raises Refused for all that goes wrong."""

    procedures: Router
    gate: Gate
    farewell: Farewell
    max_body: int
    ping_after: float | None
    """Seconds of silence after which an event stream gets a comment."""

    def visit(self, request: Request) -> Visit:
        visitor = self.gate.visitor(Credentials.of(request.scope))
        return Visit(self.procedures, visitor, request, self.max_body)

    async def call(
        self, request: Request, name: str, body: Mapping[str, Any] | None = None, /, **given: Any
    ) -> Any:
        """What the procedure gives for `body` and `given`, of which None is left out."""
        return await self.visit(request).call(name, body, **given)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request with a body. Raises Refused for all that goes wrong."""

    procedures: Router
    visitor: Visitor
    request: Request
    max_body: int

    async def body(self) -> dict[str, Any]:
        """The JSON object that was sent; nothing is an empty one."""
        try:
            # Of a stranger nothing is read: the call that follows is refused, and counted.
            return await self._object() if await self.visitor.is_known() else {}
        except ClientDisconnect as error:
            raise Refused(TRPCError("CLIENT_CLOSED_REQUEST", "The client is gone")) from error
        except Exception as error:
            raise Refused(error) from error

    async def call(self, name: str, body: Mapping[str, Any] | None = None, /, **given: Any) -> Any:
        """What the procedure gives for `body` and `given`, of which None is left out."""
        said = {**(body or {}), **{key: each for key, each in given.items() if each is not None}}
        try:
            return await self.visitor.call(self.procedures[name], lambda: said)
        except Exception as error:
            raise Refused(error) from error

    async def _object(self) -> dict[str, Any]:
        upload = Upload(self.request)
        if (content := await upload.content(self.max_body)) is None:
            raise ValueTooLarge("The body", upload.size, self.max_body)
        kind = self.request.headers.get("content-type", "")
        return await unhurried(upload.size, lambda: _object(content, kind)) if content else {}


def _object(content: bytes, kind: str) -> dict[str, Any]:
    if kind.partition(";")[0].strip().lower() != JSON:
        raise TRPCError("UNSUPPORTED_MEDIA_TYPE", f"The content type of a body is {JSON}")
    try:
        # The JSON is as strict, and as flat, as what the other wire accepts.
        found = superjson.decode({"json": orjson.loads(content)})
    except ValueError as error:
        raise TRPCError("PARSE_ERROR", f"The body cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise TRPCError("BAD_REQUEST", "The body is no JSON object")
    return found


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(write_json(superjson.plain(value)), status, headers, media_type=JSON)
