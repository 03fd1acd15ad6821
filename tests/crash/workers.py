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

    def __init__(self, url: str, effects: Path, slots: int = 8) -> None:
        module = "tests.crash.worker_process"
        command = [sys.executable, "-m", module, url, str(effects), str(slots)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def until(self, line: str, *, times: int = 1) -> None:
        """Return when the worker has said this line so often. Raises EOFError if it ends first."""
        assert self._process.stdout is not None
        for said in self._process.stdout:
            times -= said.strip() == line
            if times == 0:
                return
        raise EOFError(f"the worker ended and never said {line!r}")

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def end(self) -> int:
        """Tell it to end, and wait for that; its exit code."""
        self._process.terminate()
        return self._process.wait()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


@contextmanager
def worker_process(url: str, effects: Path, slots: int = 8) -> Iterator[WorkerProcess]:
    """A worker that works; it is killed in the end, if it was not before."""
    worker = WorkerProcess(url, effects, slots)
    try:
        worker.until("working")
        yield worker
    finally:
        worker.kill()
