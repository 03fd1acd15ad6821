"""Processes that resume executions, work on them, and are killed with signal 9 on the way.

    python -m tests.lifecycle.mortal URL < orders > results

An order is a line: the id of a paused execution, and how many seconds the process lives once it
is ready. A result is a line: its exit code. The first process lives once to warm up the others,
which are forked.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
import warnings

from chaingraph.execution.principals import LOCAL
from tests.conformance.backends import sql_backend
from tests.crash.kinds import catalog
from tests.lifecycle.workers import Workplace

#: The id of the command, from whoever sends it.
COMMAND = "resume"
SECONDS = 20


def main(url: str) -> None:
    for line in sys.stdin:
        execution_id, seconds = json.loads(line)
        ready, told = os.pipe()
        pid = os.fork()
        if pid == 0:
            signal.alarm(SECONDS)
            _live(url, execution_id, told)
        os.read(ready, 1)
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(ready)
        os.close(told)
        sys.stdout.write(f"{code}\n")
        sys.stdout.flush()


def _live(url: str, execution_id: str, told: int) -> None:
    try:
        asyncio.run(_resume_and_work(url, execution_id, told))
    finally:
        sys.stderr.flush()
        os._exit(1)


async def _resume_and_work(url: str, execution_id: str, told: int) -> None:
    async with sql_backend(url) as backend:
        place = Workplace(backend, catalog())
        await place.open()
        os.write(told, b".")
        await place.service.resume(LOCAL, execution_id, command_id=COMMAND)
        await place.work(0, execution_id)
        await place.finish(0)
        os._exit(0)


if __name__ == "__main__":
    warnings.simplefilter("error")
    main(sys.argv[1])
