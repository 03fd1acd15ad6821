"""A real worker, to be killed, frozen, or told to end.

    python -m tests.crash.worker_process DATABASE EFFECTS SLOTS

Says `working` on its standard output, and every line of its effects; lives until SIGTERM.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from chaingraph.execution.boundary import set_hook
from chaingraph.modes import open_house
from chaingraph.settings import Settings
from tests.crash.kinds import EFFECTS, catalog

LEASE_SECONDS = 2.0


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def say_effects(name: str) -> None:
    if name.startswith("body:") and name.endswith(":done"):
        say(name)


async def work(url: str, slots: int) -> None:
    told_to_end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told_to_end.set)
    settings = Settings(database=url, lease_seconds=LEASE_SECONDS, slots=slots)
    async with open_house(settings, catalog()) as house, house.working():
        say("working")
        await told_to_end.wait()


if __name__ == "__main__":
    os.environ[EFFECTS] = sys.argv[2]
    set_hook(say_effects)
    asyncio.run(work(sys.argv[1], int(sys.argv[3])))
