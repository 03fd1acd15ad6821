"""A WebSocket client of `/trpc` that does as little as possible itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect


@dataclass(slots=True)
class Client:
    """One connection; calls are numbered, and answers come in any order."""

    socket: ClientConnection
    _calls: int = field(default=0)

    async def send(self, method: str, path: str, **given: Any) -> int:
        """Send a call and return its number."""
        self._calls += 1
        params = {"path": path, "input": {"json": given}}
        frame = {"id": self._calls, "method": method, "params": params}
        await self.socket.send(orjson.dumps(frame).decode())
        return self._calls

    async def call(self, path: str, **given: Any) -> Any:
        """The answer to a mutation, when no subscription is open."""
        await self.send("mutation", path, **given)
        return (await self.frame())["result"]["data"]["json"]

    async def subscribe(self, execution_id: str, **given: Any) -> None:
        """Return when the subscription is there; its events are in the next frames."""
        await self.send(
            "subscription", "subscribeToExecutionEvents", executionId=execution_id, **given
        )
        assert (await self.frame())["result"]["type"] == "started"

    async def events(self) -> list[dict[str, Any]]:
        """The events of the next frame; of other frames none."""
        data = (await self.frame())["result"].get("data", {}).get("json")
        return data if isinstance(data, list) else []

    async def frame(self) -> Any:
        frame = orjson.loads(await self.text())
        if "error" in frame:
            raise RuntimeError(frame["error"]["json"]["message"])
        return frame

    async def text(self) -> str | bytes:
        """The next frame that is not a ping."""
        while (text := await self.socket.recv()) == "PING":
            await self.socket.send("PONG")
        return text


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Client]:
    """A client of the server at `host:port`."""
    url = f"ws://{address}/trpc"
    async with connect(url, max_size=None, compression=None, ping_interval=None) as socket:
        yield Client(socket)
