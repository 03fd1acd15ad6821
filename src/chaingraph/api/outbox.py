"""What waits to be written to one socket: one frame at a time, and PONG before everything else."""

from __future__ import annotations

import asyncio
from collections import deque

from starlette.types import Send


class Outbox:
    """Frames in order, with room for `room` of them: whoever produces faster than the client
    reads waits in `put`."""

    def __init__(self, room: int = 64) -> None:
        self._room = asyncio.Semaphore(room)
        self._frames: deque[str] = deque()
        self._urgent: deque[str] = deque()
        self._news = asyncio.Event()
        self._close_code: int | None = None
        #: where frames may go, and who is about to write there
        self._send: Send | None = None
        self._writing = asyncio.Lock()

    async def put(self, text: str) -> None:
        if self._send is not None and not self._is_busy():
            await self._write(text, self._send)
            return
        await self._room.acquire()
        self._frames.append(text)
        self._news.set()

    def put_urgent(self, text: str) -> None:
        """Ahead of all frames. One that still waits answers for its like."""
        if text not in self._urgent:
            self._urgent.append(text)
            self._news.set()

    def close(self, code: int, last_words: str | None = None) -> None:
        """Nothing is written after what waits now and these words."""
        if last_words is not None:
            self._frames.append(last_words)
        self._close_code = code
        self._send = None
        self._news.set()

    async def write_to(self, send: Send) -> None:
        """Write until closed or until the client is gone."""
        self._send = None if self._close_code is not None else send
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                async with self._writing:
                    while (text := self._next()) is not None:
                        await send({"type": "websocket.send", "text": text})
                if self._close_code is not None:
                    await send({"type": "websocket.close", "code": self._close_code})
                    return
        except OSError:
            self._send = None

    def _is_busy(self) -> bool:
        return bool(self._frames or self._urgent or self._writing.locked())

    async def _write(self, text: str, send: Send) -> None:
        """At once: to wake the writer would cost as much as to write."""
        async with self._writing:
            try:
                await send({"type": "websocket.send", "text": text})
            except OSError:  # whoever reads from the client will know
                self._send = None

    def _next(self) -> str | None:
        if self._urgent:
            return self._urgent.popleft()
        if not self._frames:
            return None
        self._room.release()
        return self._frames.popleft()
