"""Much that a caller sends at once: taken no further than allowed, and read beside the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from starlette.requests import Request

T = TypeVar("T")
LARGE: Final = 256 * 1024
"""Bytes or characters; to read more than these would hold up everybody else."""
#: One thread: more of them would only take the interpreter from each other, and from the loop.
_READER: Final = ThreadPoolExecutor(1, "reader")


async def unhurried(size: int, read: Callable[[], T]) -> T:
    """What `read` makes of so much; the loop serves others meanwhile if it is large."""
    if size <= LARGE:
        return read()
    return await asyncio.get_running_loop().run_in_executor(_READER, read)


class Upload:
    """The body of a request, of which no more is taken than is asked for."""

    def __init__(self, request: Request) -> None:
        self._chunks = request.stream()
        self._taken: list[bytes] = []
        self.size = 0

    async def content(self, limit: int) -> bytes | None:
        """All of it, or None when that is over the limit; a higher one may then be tried.

        Raises ClientDisconnect.
        """
        while self.size <= limit:
            chunk = await anext(self._chunks, None)
            if chunk is None:
                return b"".join(self._taken)
            self._taken.append(chunk)
            self.size += len(chunk)
        return None
