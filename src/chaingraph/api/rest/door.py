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
from chaingraph.api.identity.visitor import Gate
from chaingraph.api.rest.failures import JSON, Refused
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

    async def call(
        self, request: Request, name: str, body: Mapping[str, Any] | None = None, /, **given: Any
    ) -> Any:
        """What the procedure gives for `body` and `given`, of which None is left out."""
        said = {**(body or {}), **{key: each for key, each in given.items() if each is not None}}
        try:
            visitor = self.gate.visitor(Credentials.of(request.scope))
            return await visitor.call(self.procedures[name], lambda: said)
        except Exception as error:
            raise Refused(error) from error

    async def body(self, request: Request) -> dict[str, Any]:
        """The JSON object that was sent; nothing is an empty one."""
        try:
            content = await self._content(request)
            return _object(content, request.headers.get("content-type", "")) if content else {}
        except (TRPCError, ValueTooLarge) as error:
            raise Refused(error) from error
        except ClientDisconnect as error:
            raise Refused(TRPCError("CLIENT_CLOSED_REQUEST", "The client is gone")) from error

    async def _content(self, request: Request) -> bytes:
        size, chunks = 0, []
        async for chunk in request.stream():
            size += len(chunk)
            chunks.append(chunk)
            if size > self.max_body:
                raise ValueTooLarge("The body", size, self.max_body)
        return b"".join(chunks)


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
