"""Real worker processes, from the outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.crash.cases import ROOT


class WorkerProcess:
    """A running `tests.crash.worker_process`."""

    def __init__(self, url: str, effects: Path) -> None:
        command = [sys.executable, "-m", "tests.crash.worker_process", url, str(effects)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def until(self, line: str) -> None:
        """Return when the worker says this line. Raises EOFError when it ends without it."""
        assert self._process.stdout is not None
        for said in self._process.stdout:
            if said.strip() == line:
                return
        raise EOFError(f"the worker ended and never said {line!r}")

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def worker_process(url: str, effects: Path) -> Iterator[WorkerProcess]:
    """A worker that works; it is killed in the end, if it was not before."""
    worker = WorkerProcess(url, effects)
    try:
        worker.until("working")
        yield worker
    finally:
        worker.kill()
