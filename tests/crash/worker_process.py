"""A real worker, to be killed, frozen, or told to end.

    python -m tests.crash.worker_process ROLE

Says `working` on its standard output, and every line of its effects; lives until SIGTERM.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass
from unittest.mock import patch

from chaingraph.durable import workflow
from chaingraph.execution.boundary import set_hook
from chaingraph.execution.processes import host_name
from chaingraph.modes import open_house, workplace
from chaingraph.settings import Settings
from tests.crash.effects import EFFECTS
from tests.crash.kinds import catalog


@dataclass(frozen=True)
class Role:
    """What a worker process is told, as JSON."""

    url: str
    effects: str
    slots: int = 8
    lease_seconds: float = 2.0
    #: where it says it runs: others believe only its heartbeats then
    host: str = ""
    #: how often it asks the dispatcher's queue
    poll_seconds: float = workflow.POLL_SECONDS

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def say_effects(name: str) -> None:
    if name.startswith("body:") and name.endswith(":done"):
        say(name)


async def work(role: Role) -> None:
    told_to_end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told_to_end.set)
    host = role.host or host_name()
    settings = Settings(database=role.url, lease_seconds=role.lease_seconds, slots=role.slots)
    with (
        patch.object(workplace, "host_name", return_value=host),
        patch.object(workflow, "POLL_SECONDS", role.poll_seconds),
    ):
        async with open_house(settings, catalog(), patience=30) as house, house.working():
            say("working")
            await told_to_end.wait()


if __name__ == "__main__":
    role = Role(**json.loads(sys.argv[1]))
    os.environ[EFFECTS] = role.effects
    set_hook(say_effects)
    asyncio.run(work(role))
