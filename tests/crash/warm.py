"""One warm process from which others are forked: everything is imported, nothing is running.

    python -m tests.crash.warm < cases > results

A case is a line: its number and a list of lives, one after the other. Its result is a line: the
number and their exit codes. Cases go on when the input ends; nobody waits for them.
"""

from __future__ import annotations

import json
import os
import signal
import sys

from tests.crash.lives import PATIENCE, Life, live

#: How many cases run at the same time: most of a life is waiting.
ABREAST = 4


def main() -> None:
    running = 0
    for line in sys.stdin:
        if running == ABREAST:
            os.wait()
            running -= 1
        number, lives = json.loads(line)
        _fork_case(number, [Life(**life) for life in lives])
        running += 1


def _fork_case(number: int, lives: list[Life]) -> None:
    if os.fork() == 0:
        codes = [_fork_life(life) for life in lives]
        # One write, so that the lines of cases that end together do not mix.
        os.write(1, f"{json.dumps([number, codes])}\n".encode())
        os._exit(0)


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
