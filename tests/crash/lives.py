"""The lives of processes: each brings executions to their ends, if nobody cuts it short."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from chaingraph.engine import run
from chaingraph.execution import courier
from chaingraph.execution.boundary import set_hook
from chaingraph.execution.principals import LOCAL
from chaingraph.modes import open_house
from chaingraph.settings import Settings
from tests.crash.acts import ACTS, Caller
from tests.crash.effects import EFFECTS
from tests.crash.kinds import FLOWS, built, catalog
from tests.crash.reports import Report
from tests.crash.steered import CALLED

#: The exit code of a process that was cut short.
KILLED = 137
PATIENCE = 20.0
#: What is due later than this is not waited for in memory.
LINGER_MS = 50


@dataclass(frozen=True)
class Life:
    """What one process is to do, and where it is cut short."""

    url: str
    flow: str
    folder: str
    #: the number of the boundary at which the process ends; 0 lets it live
    die_at: int = 0
    #: with the queue, as `serve`; without it, as `run`
    dispatch: bool = False
    #: what is done with the execution: see `tests.crash.acts`
    act: str = "run"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Boundaries:
    """Counts the boundaries, from any thread, and ends the process at one of them."""

    def __init__(self, die_at: int) -> None:
        self._die_at = die_at
        self._lock = threading.Lock()
        self.names: list[str] = []

    def __call__(self, name: str) -> None:
        with self._lock:
            self.names.append(name)
            if len(self.names) == self._die_at:
                os._exit(KILLED)


def live(life: Life) -> None:
    """Live this life and end the process. Its report is a file in the folder."""
    boundaries = Boundaries(life.die_at)
    set_hook(boundaries)
    folder = Path(life.folder)
    os.environ[EFFECTS] = str(folder / "effects")

    def leave(executions: Mapping[str, Report]) -> None:
        found = {"executions": executions, "boundaries": boundaries.names}
        (folder / "report.json").write_text(json.dumps(found))
        os._exit(0)

    with patch.object(run, "LINGER_MS", LINGER_MS), patch.object(courier, "PATIENCE", 0.1):
        asyncio.run(_bring_to_its_end(life, leave))
    os._exit(1)


async def _bring_to_its_end(life: Life, leave: Callable[[Mapping[str, Report]], None]) -> None:
    settings = Settings(database=life.url, lease_seconds=3.0, slots=4)
    types = catalog()
    async with (
        asyncio.timeout(PATIENCE),
        open_house(settings, types) as house,
        AsyncExitStack() as working,
    ):
        for name in (life.flow, *CALLED.get(life.flow, ())):
            await house.service.import_flow(LOCAL, built(FLOWS[name], types))
        effects = Path(os.environ[EFFECTS])
        caller = Caller(house, f"V2{life.flow}", effects, life.dispatch, working)
        leave(await ACTS[life.act](caller))
