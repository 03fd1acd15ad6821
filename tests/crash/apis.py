"""A real API process, and a caller who does not give up."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from tests.servers import free_port

#: Seconds between two tries of a caller who got no answer.
PAUSE = 0.1


class ApiProcess:
    """A running `chaingraph api`; after a `kill` it may be started again, at the same address."""

    def __init__(self, url: str) -> None:
        program = Path(sys.executable).with_name("chaingraph")
        self._port = free_port()
        self._command = [str(program), "api", "--port", str(self._port)]
        self._environment = {**os.environ, "CHAINGRAPH_DATABASE_URL": url}
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdout=subprocess.DEVNULL
        )

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    async def begin(self, flow_id: str) -> str:
        """Create and start an execution."""
        key = uuid4().hex
        created = await self._call("create", flowId=flow_id, idempotencyKey=key)
        execution_id = str(created["executionId"])
        await self._call("start", executionId=execution_id, commandId=key)
        return execution_id

    async def _call(self, procedure: str, **given: str) -> Mapping[str, Any]:
        """The answer, however often the process or its database is away meanwhile."""
        address = f"http://127.0.0.1:{self._port}/trpc/{procedure}"
        async with httpx.AsyncClient(timeout=15) as client:
            while True:
                try:
                    answer = await client.post(address, json={"json": given})
                except httpx.TransportError:
                    await asyncio.sleep(PAUSE)
                    continue
                if answer.status_code != 503:
                    assert answer.is_success, answer.text
                    data: Mapping[str, Any] = answer.json()["result"]["data"]["json"]
                    return data
                await asyncio.sleep(PAUSE)
