"""A wire to a server that is cut in the middle of answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

CHUNK = 65_536


@dataclass
class CuttingProxy:
    """Forwards; of each connection's answers so many bytes come through, then it is cut.

    A budget of 0 loses the answer to what the server was told; None cuts nothing.
    """

    host: str
    port: int
    budget: Callable[[], int | None]
    cuts: int = 0
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)

    async def end(self) -> None:
        for serving in self._serving:
            serving.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(self.host, self.port)
        asking = asyncio.create_task(_forward(reader, up_writer))
        try:
            with suppress(OSError):
                await self._answer(up_reader, writer, self.budget())
        finally:
            asking.cancel()
            for each in (writer, up_writer):
                each.transport.abort()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, budget: int | None
    ) -> None:
        while answer := await reader.read(CHUNK):
            writer.write(answer if budget is None else answer[:budget])
            await writer.drain()
            if budget is not None and budget <= len(answer):
                self.cuts += 1
                return
            budget = None if budget is None else budget - len(answer)


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while asked := await reader.read(CHUNK):
            writer.write(asked)
            await writer.drain()


@asynccontextmanager
async def cutting_proxy(
    url: str, budget: Callable[[], int | None]
) -> AsyncIterator[tuple[CuttingProxy, str]]:
    """A proxy to the server at this address, and the address through it."""
    parts = urlsplit(url)
    assert parts.hostname is not None and parts.port is not None
    proxy = CuttingProxy(parts.hostname, parts.port, budget)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    try:
        yield proxy, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await proxy.end()
        await server.wait_closed()
