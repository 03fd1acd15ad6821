"""A wire to PostgreSQL that breaks after the server did what it was told, and before it says so."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

CHUNK = 65_536


@dataclass
class LossyProxy:
    """Forwards; while `losing`, one of so many answers is lost, and its connection with it."""

    host: str
    port: int
    dice: random.Random
    one_of: int = 20
    losing: bool = False
    lost: int = 0
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, until either side or the dice end it."""
        serving = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)

    async def end(self) -> None:
        for serving in self._serving:
            serving.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with _closed_at_the_end(writer):
            up_reader, up_writer = await asyncio.open_connection(self.host, self.port)
            async with _closed_at_the_end(up_writer):
                asking = asyncio.create_task(_forward(reader, up_writer))
                try:
                    await self._answer(up_reader, writer)
                finally:
                    asking.cancel()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while answer := await reader.read(CHUNK):
            if self.losing and self.dice.randrange(self.one_of) == 0:
                self.lost += 1
                return
            writer.write(answer)
            await writer.drain()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while asked := await reader.read(CHUNK):
            writer.write(asked)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def _closed_at_the_end(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    """Close it, whatever happens; a connection that breaks is what this is about."""
    with suppress(OSError):
        try:
            yield
        finally:
            writer.close()
            await writer.wait_closed()


@asynccontextmanager
async def lossy_proxy(url: str, dice: random.Random) -> AsyncIterator[tuple[LossyProxy, str]]:
    """A proxy to the server of this URL, and the URL through it."""
    parts = urlsplit(url)
    assert parts.hostname is not None and parts.port is not None
    proxy = LossyProxy(parts.hostname, parts.port, dice)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        yield proxy, parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}").geturl()
    finally:
        server.close()
        await proxy.end()
        await server.wait_closed()
