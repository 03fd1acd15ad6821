"""One warm process from which others are forked: everything is imported, nothing is running.

    python -m tests.crash.warm < cases > results

A case is a line: a list of lives, one after the other. Its result is a line: their exit codes.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from tests.crash.lives import PATIENCE, Life, live

#: How many cases run at the same time.
ABREAST = 2


def main() -> None:
    running: dict[int, int] = {}
    for number, line in enumerate(sys.stdin):
        if len(running) >= ABREAST:
            _reap(running)
        running[_fork_case(number, json.loads(line))] = number
    while running:
        _reap(running)


def _reap(running: dict[int, int]) -> None:
    pid, status = os.wait()
    number = running.pop(pid)
    if status:
        print(json.dumps([number, "the case itself failed"]), flush=True)


def _fork_case(number: int, lives: list[dict[str, Any]]) -> int:
    pid = os.fork()
    if pid == 0:
        codes = [_fork_life(Life(**life)) for life in lives]
        print(json.dumps([number, codes]), flush=True)
        os._exit(0)
    return pid


def _fork_life(life: Life) -> int:
    pid = os.fork()
    if pid == 0:
        signal.alarm(int(PATIENCE) + 5)
        try:
            live(life)
        finally:
            sys.stderr.flush()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    main()
