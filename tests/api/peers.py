"""The other end of an ASGI WebSocket, without a network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import ASGIApp, Message


class Peer:
    """Sends what a client would send and waits for what the server answers."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[Message] = asyncio.Queue()
        self.outgoing: asyncio.Queue[Message] = asyncio.Queue()

    def send(self, message: Any) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        self.incoming.put_nowait({"type": "websocket.receive", "text": text})

    def send_binary(self, content: bytes) -> None:
        self.incoming.put_nowait({"type": "websocket.receive", "bytes": content})

    def call(self, id: Any, kind: str, path: str, **given: Any) -> None:
        params = {"path": path, "input": {"json": given}}
        self.send({"id": id, "method": kind, "params": params})

    async def message(self) -> Message:
        async with asyncio.timeout(10):
            return await self.outgoing.get()

    async def text(self) -> str:
        message = await self.message()
        assert message["type"] == "websocket.send", message
        text: str = message["text"]
        return text

    async def frame(self) -> Any:
        return json.loads(await self.text())

    async def result(self) -> Any:
        """The JSON of a call's result."""
        frame = await self.frame()
        return frame["result"]["data"]["json"]

    async def until(self, kind: str) -> list[Any]:
        """The frames up to the first subscription frame of that kind."""
        frames = [await self.frame()]
        while frames[-1].get("result", {}).get("type") != kind:
            frames.append(await self.frame())
        return frames


@asynccontextmanager
async def connected(
    app: ASGIApp, path: str = "/trpc", *, query: str = "", headers: Iterable[tuple[str, str]] = ()
) -> AsyncIterator[Peer]:
    """A connection; at the end the client is gone and the server has cleaned up."""
    peer = Peer()
    scope = {
        "type": "websocket",
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    peer.incoming.put_nowait({"type": "websocket.connect"})
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(app_task(app, scope, peer))
        try:
            yield peer
        finally:
            peer.incoming.put_nowait({"type": "websocket.disconnect", "code": 1005})


async def app_task(app: ASGIApp, scope: dict[str, Any], peer: Peer) -> None:
    await app(scope, peer.incoming.get, peer.outgoing.put)
