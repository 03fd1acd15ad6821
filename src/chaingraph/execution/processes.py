"""The processes of this host, as far as this one can see them."""

from __future__ import annotations

import socket
from functools import lru_cache
from pathlib import Path

import psutil

from chaingraph.execution.records import WorkerRow


@lru_cache(1)
def host_name() -> str:
    """What processes that can see each other's process ids have in common."""
    namespace = Path("/proc/self/ns/pid")
    pids = namespace.readlink() if namespace.is_symlink() else ""
    return f"{socket.gethostname()}/{psutil.boot_time():.0f}/{pids}"


def process_runs(worker: WorkerRow) -> bool:
    """Whether the worker's process still runs; a process id may have a new owner."""
    try:
        process = psutil.Process(worker.pid)
        return abs(process.create_time() - worker.started_at) < 1.0 and (
            process.status() != psutil.STATUS_ZOMBIE
        )
    except psutil.NoSuchProcess:
        return False
