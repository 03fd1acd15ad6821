"""Events: a page of what is there, or a stream of what comes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final, Literal, TypeAlias

from fastapi import FastAPI, Header, Query
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chaingraph.api.batches import closing
from chaingraph.api.event_stream import EventStream
from chaingraph.api.farewell import Farewell
from chaingraph.api.rest import outputs, sse
from chaingraph.api.rest.door import Door, Id
from chaingraph.api.rest.failures import JSON, failures
from chaingraph.execution.page import EventPage
from chaingraph.execution.tree_follow import TreeBatch
from chaingraph.execution.view import SeenEvent
from chaingraph.trpc.transformer import write_json

EXACT: Final = 2**53
From: TypeAlias = Annotated[
    int,
    Query(alias="from", ge=-EXACT, le=EXACT, description="A position; -k is the last k events"),
]
Limit: TypeAlias = Annotated[int, Query(ge=1, le=1000, description="Of a page")]
Types: TypeAlias = Annotated[tuple[str, ...], Query(description="Only these types of events")]
View: TypeAlias = Annotated[Literal["full", "compact"], Query()]
LastPosition: TypeAlias = Annotated[
    int | None,
    Header(alias="Last-Event-ID", ge=0, le=EXACT, description="The stream goes on after this"),
]
Cursor: TypeAlias = Annotated[str | None, Query(description="The stream goes on after this")]
LastCursor: TypeAlias = Annotated[
    str | None,
    Header(alias="Last-Event-ID", description="The same, and goes before `cursor`"),
]
_ABOUT_ONE: Final = failures("FORBIDDEN", "NOT_FOUND")
_STREAM: Final = {sse.KIND: {"schema": {"type": "string"}}}
_EITHER: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": outputs.EventPage, "description": "A page, or a stream", "content": _STREAM}
}
_STREAMED: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "A stream", "content": _STREAM}
}


@dataclass(frozen=True, slots=True)
class EventRoutes:
    door: Door

    def add_to(self, app: FastAPI) -> None:
        add = partial(app.add_api_route, tags=["events"])
        add("/executions/{id}/events", self.get_events, responses=_ABOUT_ONE | _EITHER)
        add(
            "/executions/{id}/tree/events",
            self.follow_tree,
            responses=_ABOUT_ONE | _STREAMED,
            response_class=Response,
        )

    async def get_events(
        self,
        request: Request,
        id: Id,
        start: From = 0,
        limit: Limit = 100,
        types: Types = (),
        view: View = "full",
        last: LastPosition = None,
    ) -> Response:
        """The events that are there now or, for who accepts `text/event-stream`, all that come.

        The id of an event in the stream is its position. After the terminal event comes one
        named `end`, and the stream is over.
        """
        wanted = {"executionId": id, "eventTypes": list(types), "view": view}
        if _wants_stream(request):
            after = start if last is None else last + 1
            batches = await self.door.call(request, "followEvents", wanted, fromIndex=after)
            return self._stream(_each(batches))
        page = await self.door.call(request, "getEvents", wanted, fromIndex=start, limit=limit)
        return _page(page)

    async def follow_tree(
        self,
        request: Request,
        id: Id,
        cursor: Cursor = None,
        types: Types = (),
        view: View = "full",
        last: LastCursor = None,
    ) -> Response:
        """The events of the execution and all its descendants, as they come, until all ended.

        Each message is a batch, and its id a cursor.
        """
        wanted = {"executionId": id, "eventTypes": list(types), "view": view}
        batches = await self.door.call(
            request, "followTree", wanted, cursor=cursor, lastEventId=last
        )
        return self._stream(_all(batches))

    def _stream(self, events: AsyncIterator[bytes]) -> Response:
        whole = sse.to_the_end(events)
        stream = EventStream(whole, sse.HEADERS, sse.COMMENT, self.door.ping_after)
        return StreamResponse(stream, self.door.farewell)


class StreamResponse(Response):
    def __init__(self, stream: EventStream, farewell: Farewell) -> None:
        super().__init__()
        self._stream = stream
        self._farewell = farewell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._farewell.attended():
            await self._stream.serve(receive, send, self._farewell.begun)


def _wants_stream(request: Request) -> bool:
    return sse.KIND in request.headers.get("accept", "").lower()


def _page(page: EventPage) -> Response:
    events = [sse.written(each) for each in page.events]
    content = write_json({"events": events, "next": page.next, "ended": page.has_ended})
    return Response(content, headers={"vary": "accept"}, media_type=JSON)


async def _each(batches: AsyncIterator[Sequence[SeenEvent]]) -> AsyncIterator[bytes]:
    async with closing(batches):
        async for batch in batches:
            for event in batch:
                yield sse.message(sse.written(event), _id(event))


async def _all(batches: AsyncIterator[TreeBatch]) -> AsyncIterator[bytes]:
    async with closing(batches):
        async for batch in batches:
            events = [
                {"executionId": each.execution_id, "event": sse.written(each.event)}
                for each in batch.events
            ]
            yield sse.message({"cursor": batch.cursor, "events": events}, batch.cursor)


def _id(event: SeenEvent) -> str | None:
    """What is in no journal has none: a client would come back after an event it never got."""
    return None if event.index is None else str(event.position)
