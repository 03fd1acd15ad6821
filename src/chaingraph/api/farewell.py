"""The end of a server: streams are told to come back, elsewhere, and are closed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Farewell:
    """Whoever serves a stream enters `attended` and watches `begun`; `say` ends them all."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self._streams = 0
        self._gone = asyncio.Event()

    @contextmanager
    def attended(self) -> Iterator[None]:
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1
            if not self._streams:
                self._gone.set()

    async def say(self, *, within: float) -> None:
        """Return when all streams are closed, or after so many seconds."""
        self.begun.set()
        try:
            async with asyncio.timeout(within):
                while self._streams:
                    self._gone.clear()
                    await self._gone.wait()
        except TimeoutError:
            return
