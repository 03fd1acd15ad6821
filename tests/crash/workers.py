"""Real worker processes, from the outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.crash.cases import ROOT
from tests.crash.worker_process import Role


class WorkerProcess:
    """A running `tests.crash.worker_process`."""

    def __init__(self, role: Role) -> None:
        command = [sys.executable, "-m", "tests.crash.worker_process", role.to_json()]
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
def worker_process(url: str, effects: Path, **more: Any) -> Iterator[WorkerProcess]:
    """A worker that works; it is killed in the end, if it was not before. `more`: see `Role`."""
    worker = WorkerProcess(Role(url, str(effects), **more))
    try:
        worker.until("working")
        yield worker
    finally:
        worker.kill()
