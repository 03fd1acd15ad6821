"""The asyncio driver of a response of server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from starlette.types import Receive, Send

from chaingraph.api.batches import closing


class EventStream:
    """One response: `events` as they come, and `ping` after so many seconds of silence."""

    def __init__(
        self,
        events: AsyncIterator[bytes],
        headers: Mapping[str, str],
        ping: bytes,
        ping_after: float | None,
    ) -> None:
        self._events = events
        self._headers = headers
        self._ping = ping
        self._ping_after = ping_after
        self._written = asyncio.Event()

    async def serve(self, receive: Receive, send: Send, leaving: asyncio.Event) -> None:
        """Until the events end or the client is gone; they have cleaned up then.

        When the server is `leaving` the response ends in the middle of the stream: an event
        source comes back and resumes.
        """
        headers = [(name.encode(), value.encode()) for name, value in self._headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async with asyncio.TaskGroup() as tasks:
            streaming = tasks.create_task(self._stream(send))
            gone = tasks.create_task(_until_gone(receive))
            others = [gone, tasks.create_task(_until_set(leaving))]
            if self._ping_after is not None:
                others.append(tasks.create_task(self._ping_again(self._ping_after, send)))
            await asyncio.wait([streaming, *others], return_when=asyncio.FIRST_COMPLETED)
            is_gone = gone.done()
            for task in (streaming, *others):
                task.cancel()
        if not is_gone:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _stream(self, send: Send) -> None:
        async with closing(self._events) as events:
            async for event in events:
                await self._write(event, send)

    async def _ping_again(self, seconds: float, send: Send) -> None:
        while True:
            self._written.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._written.wait()
            except TimeoutError:
                await self._write(self._ping, send)

    async def _write(self, event: bytes, send: Send) -> None:
        self._written.set()
        await send({"type": "http.response.body", "body": event, "more_body": True})


async def _until_set(event: asyncio.Event) -> None:
    await event.wait()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
