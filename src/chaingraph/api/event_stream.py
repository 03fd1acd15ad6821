"""The asyncio driver of a tRPC subscription over server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

from starlette.types import Receive, Send

from chaingraph.api.batches import closing
from chaingraph.trpc import over_sse
from chaingraph.trpc.wire import Wire

Subscribe: TypeAlias = Callable[[], Awaitable[AsyncIterator[Any]]]


class EventStream:
    """One response. It always has status 200: a refusal is an event too."""

    def __init__(self, wire: Wire, path: str, ping_after: float | None) -> None:
        self._wire = wire
        self._path = path
        self._ping_after = ping_after
        self._written = asyncio.Event()

    async def serve(
        self, subscribe: Subscribe, receive: Receive, send: Send, leaving: asyncio.Event
    ) -> None:
        """Until the subscription ends or the client is gone; it has cleaned up then.

        When the server is `leaving` the response ends in the middle of the stream: an event
        source comes back and resumes.
        """
        headers = [(name.encode(), value.encode()) for name, value in over_sse.HEADERS.items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async with asyncio.TaskGroup() as tasks:
            streaming = tasks.create_task(self._stream(subscribe, send))
            gone = tasks.create_task(_until_gone(receive))
            others = [gone, tasks.create_task(_until_set(leaving))]
            if self._ping_after is not None:
                others.append(tasks.create_task(self._ping(self._ping_after, send)))
            await asyncio.wait([streaming, *others], return_when=asyncio.FIRST_COMPLETED)
            is_gone = gone.done()
            for task in (streaming, *others):
                task.cancel()
        if not is_gone:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _stream(self, subscribe: Subscribe, send: Send) -> None:
        await self._write(over_sse.CONNECTED, send)
        try:
            async with closing(await subscribe()) as values:
                async for value in values:
                    await self._write(over_sse.data_event(value, self._wire), send)
            await self._write(over_sse.RETURN, send)
        except Exception as error:
            await self._write(over_sse.error_event(error, self._path, self._wire), send)

    async def _ping(self, seconds: float, send: Send) -> None:
        while True:
            self._written.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._written.wait()
            except TimeoutError:
                await self._write(over_sse.PING, send)

    async def _write(self, event: bytes, send: Send) -> None:
        self._written.set()
        await send({"type": "http.response.body", "body": event, "more_body": True})


async def _until_set(event: asyncio.Event) -> None:
    await event.wait()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
