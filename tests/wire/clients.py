"""Programs of `client/`, each of which plays one scenario with the real npm clients."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

Report: TypeAlias = dict[str, Any]
LINE = 64 * 1024 * 1024
PATIENCE = 30


@dataclass(frozen=True)
class Playing:
    """A scenario that is being played: it says things, and may wait for an answer."""

    process: Process

    async def heard(self) -> Any:
        """The next thing it says. Raises AssertionError with its words when it fails instead."""
        output, errors = self.process.stdout, self.process.stderr
        assert output is not None and errors is not None
        async with asyncio.timeout(PATIENCE):
            line = await output.readline()
            assert line, (await errors.read()).decode()
        return json.loads(line)

    async def answer(self, text: str = "go on") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n".encode())
        await self.process.stdin.drain()

    async def report(self) -> Report:
        """The last thing it says; it has ended by itself then."""
        report: Report = await self.heard()
        async with asyncio.timeout(PATIENCE):
            rest, errors = await self.process.communicate()
        assert (self.process.returncode, rest) == (0, b""), errors.decode()
        return report


@dataclass(frozen=True)
class Clients:
    """One version of the npm packages."""

    version: str
    node: Path
    folder: Path

    @asynccontextmanager
    async def playing(
        self, program: str, scenario: str, address: str, **options: Any
    ) -> AsyncIterator[Playing]:
        """Play `scenario` of `program` against the server at `address`, a host and a port."""
        words = (f"{program}.mjs", scenario, address, json.dumps(options))
        process = await asyncio.create_subprocess_exec(
            self.node, *words, cwd=self.folder, stdin=PIPE, stdout=PIPE, stderr=PIPE, limit=LINE
        )
        try:
            yield Playing(process)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def play(self, program: str, scenario: str, address: str, **options: Any) -> Report:
        """Play it to its end and give its report."""
        async with self.playing(program, scenario, address, **options) as playing:
            return await playing.report()
