"""The asyncio driver of tRPC over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, NoReturn, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from chaingraph.api.batches import closing
from chaingraph.api.event_stream import EventStream
from chaingraph.api.farewell import Farewell
from chaingraph.api.identity.credentials import Credentials
from chaingraph.api.identity.visitor import Gate, Visitor
from chaingraph.api.uploads import Upload, unhurried
from chaingraph.trpc import over_http, over_lines, over_sse
from chaingraph.trpc.codes import TRPCError
from chaingraph.trpc.limits import DEFAULT_LIMITS, Limits
from chaingraph.trpc.over_http import HttpCall, HttpCalls, HttpRequest, Outcome, Success
from chaingraph.trpc.router import ReadInput
from chaingraph.trpc.wire import Wire

T = TypeVar("T")
#: A client that heard none of so many pings in a row is told to come back.
PINGS_MISSED: Final = 3


@dataclass(frozen=True, slots=True)
class TrpcHttp:
    """An ASGI application for requests whose procedure path is the path parameter `path`."""

    wire: Wire
    gate: Gate
    farewell: Farewell
    limits: Limits = DEFAULT_LIMITS
    ping_after: float | None = None
    """Seconds of silence after which an event stream gets a ping."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await Response(status_code=204)(scope, receive, send)
            return
        try:
            calls, visitor = await self._read(Request(scope, receive))
        except ClientDisconnect:
            return
        except TRPCError as error:
            await _send(over_http.refusal(error, self.wire), send)
            return
        if calls.subscription is not None:
            events = self._events(calls.calls[0], visitor)
            stream = EventStream(events, over_sse.HEADERS, over_sse.PING, self.ping_after)
            with self.farewell.attended():
                await stream.serve(receive, send, self.farewell.begun)
        elif calls.is_stream:
            await self._send_lines(calls.calls, visitor, send)
        else:
            await self._send_answers(calls, visitor, send)

    async def _read(self, request: Request) -> tuple[HttpCalls, Visitor]:
        """What is asked for, and who asks."""
        upload = Upload(request)
        content = await upload.content(min(self.limits.stranger, self.limits.body))
        calls = self._calls(request, content)
        visitor = self.gate.visitor(Credentials.of(request.scope, calls.params))
        if content is None:
            calls = await self._read_large(request, upload, visitor, calls)
        return calls, visitor

    async def _read_large(
        self, request: Request, upload: Upload, visitor: Visitor, unread: HttpCalls
    ) -> HttpCalls:
        """The calls with their inputs; those of a stranger, who will be refused, without."""
        try:
            if not await visitor.is_known():
                return unread
        except Exception as error:
            fail = partial(_fail, error)
            return _with_inputs(unread, lambda _: fail)
        calls = self._calls(request, await upload.content(self.limits.body))
        return await unhurried(upload.size, partial(_with_inputs, calls, _read_ahead))

    def _calls(self, request: Request, content: bytes | None) -> HttpCalls:
        path = request.path_params.get("path", "")
        headers = dict(request.headers)
        read = HttpRequest(request.method, path, request.url.query, headers, content)
        return over_http.read_request(read, self.wire, self.limits)

    async def _events(self, call: HttpCall, visitor: Visitor) -> AsyncIterator[bytes]:
        """A subscription, event by event. The status is always 200: a refusal is an event too."""
        ping_after = self.ping_after
        yield over_sse.connected(None if ping_after is None else PINGS_MISSED * ping_after)
        try:
            async with closing(await _perform(call, visitor)) as values:
                async for value in values:
                    yield over_sse.data_event(value, self.wire)
            yield over_sse.RETURN
        except Exception as error:
            yield over_sse.error_event(error, call.path, self.wire)

    async def _send_answers(self, calls: HttpCalls, visitor: Visitor, send: Send) -> None:
        async def answer(call: HttpCall) -> over_http.Answer:
            return _shown(
                await _outcome(call, visitor),
                lambda shown: over_http.answer(call, shown, self.wire),
            )

        async with asyncio.TaskGroup() as tasks:
            answers = [tasks.create_task(answer(call)) for call in calls.calls]
        response = over_http.response(calls, [task.result() for task in answers])
        await _send(response, send)

    async def _send_lines(self, calls: Sequence[HttpCall], visitor: Visitor, send: Send) -> None:
        async def send_line(index: int, call: HttpCall) -> None:
            line = _shown(
                await _outcome(call, visitor),
                lambda shown: over_lines.fulfilment(index, call, shown, self.wire),
            )
            await send(body(line))

        await send(start(200, over_lines.HEADERS))
        await send(body(over_lines.head(len(calls), self.wire)))
        async with asyncio.TaskGroup() as tasks:
            for index, call in enumerate(calls):
                tasks.create_task(send_line(index, call))
        await send(body(b"", more=False))


def _with_inputs(calls: HttpCalls, read: Callable[[HttpCall], ReadInput]) -> HttpCalls:
    return replace(calls, calls=[replace(call, read_input=read(call)) for call in calls.calls])


def _read_ahead(call: HttpCall) -> ReadInput:
    """The input, or what is wrong with it; read here and never again."""
    try:
        value = call.read_input()
    except Exception as error:
        return partial(_fail, error)
    return lambda: value


def _fail(error: Exception) -> NoReturn:
    raise error


async def _perform(call: HttpCall, visitor: Visitor) -> Any:
    if isinstance(call.target, TRPCError):
        raise call.target
    return await visitor.call(call.target, call.read_input)


async def _outcome(call: HttpCall, visitor: Visitor) -> Outcome:
    try:
        return Success(await _perform(call, visitor))
    except Exception as error:
        return error


def _shown(outcome: Outcome, show: Callable[[Outcome], T]) -> T:
    """A result that cannot be shown becomes the error that says so."""
    try:
        return show(outcome)
    except Exception as error:
        return show(error)


async def _send(response: over_http.HttpResponse, send: Send) -> None:
    await send(start(response.status, response.headers))
    await send(body(response.body, more=False))


def start(status: int, headers: Mapping[str, str]) -> Message:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": raw}


def body(content: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}
