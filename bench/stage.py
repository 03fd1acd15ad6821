"""Where measurements take place: databases, and processes of the executor and of DBOS."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias
from uuid import uuid4

import psutil

from chaingraph.modes import House, open_house
from chaingraph.settings import Settings
from tests.servers import new_database

Backend: TypeAlias = Literal["PostgreSQL", "SQLite"]

ROOT = Path(__file__).parent.parent
NODES = str(Path(__file__).with_name("nodes.py"))
CHAINGRAPH = ("-c", "from chaingraph.cli import main; main()")
#: The same program on what it takes for another host: process ids tell it nothing.
ELSEWHERE = ("-c", f"import socket; socket.gethostname = lambda: 'elsewhere'; {CHAINGRAPH[1]}")


@dataclass(frozen=True, slots=True)
class Stage:
    """A directory and a PostgreSQL server that one run of the benchmarks may fill."""

    directory: Path
    postgres: str

    def database(self, backend: Backend = "PostgreSQL") -> str:
        """The URL of a new, empty database."""
        if backend == "PostgreSQL":
            return new_database(self.postgres)
        return f"sqlite:///{self.directory / uuid4().hex}.db"


@dataclass(frozen=True, slots=True)
class Running:
    """A process that said it is ready; `said` is that line."""

    process: psutil.Popen
    said: str

    @property
    def address(self) -> str:
        """`host:port` of what it serves."""
        return self.said.split("http://")[-1].strip()

    @property
    def cpu_seconds(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)

    @property
    def megabytes(self) -> float:
        return float(self.process.memory_info().rss / 2**20)

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()

    def tell(self, line: str = "") -> None:
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        """The next line that it says."""
        return str(self.process.stdout.readline()).strip()


@contextmanager
def executor(
    command: Literal["serve", "api", "worker"],
    database: str,
    *,
    elsewhere: bool = False,
    **settings: object,
) -> Iterator[Running]:
    """A `chaingraph` process that is ready; it is killed in the end."""
    environment = {f"CHAINGRAPH_{name.upper()}": str(each) for name, each in settings.items()}
    environment |= {
        "CHAINGRAPH_DATABASE_URL": database,
        "CHAINGRAPH_NODES": NODES,
        "CHAINGRAPH_LOG_LEVEL": "error",
    }
    port = "--health-port" if command == "worker" else "--port"
    words = (*(ELSEWHERE if elsewhere else CHAINGRAPH), command, port, "0")
    with program(words, "http://", environment) as running:
        yield running


@contextmanager
def dbos(role: str, database: str, *words: object) -> Iterator[Running]:
    """A process of `bench.plain_dbos` that is ready."""
    with program(("-m", "bench.plain_dbos", role, database, *map(str, words)), "ready") as running:
        yield running


@contextmanager
def program(
    words: tuple[str, ...], ready: str, environment: dict[str, str] | None = None
) -> Iterator[Running]:
    """A Python process, once it said a line with `ready` in it."""
    process = psutil.Popen(
        [sys.executable, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
    )
    try:
        said = next((line for line in process.stdout if ready in line), None)
        if said is None:
            raise RuntimeError(f"{' '.join(words)} ended and never said {ready!r}")
        yield Running(process, said)
    finally:
        process.kill()
        process.communicate()


@asynccontextmanager
async def front(database: str) -> AsyncIterator[House]:
    """The executor's API mode in this process, with the nodes of the benchmarks."""
    async with open_house(Settings(database=database, nodes=(NODES,))) as house:
        yield house
