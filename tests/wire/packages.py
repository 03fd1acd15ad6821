"""The npm clients, installed once for all test processes of a run."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PINNED, NEWEST = "pinned", "newest"
INSTALL = {
    PINNED: ("ci",),
    NEWEST: ("install", "--no-package-lock", "--prefer-online"),
}
QUIETLY = ("--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0")
PATIENCE = 40


def installed(version: str, npm: Sequence[str], temporary: pytest.TempPathFactory) -> Path:
    """A folder with our programs and the packages that they import.

    Skips the test when npm cannot install them, as without a network.
    """
    with _alone(_shared(temporary)) as shared:
        folder = shared / f"npm-{version}"
        outcome = shared / f"npm-{version}.outcome"
        if not outcome.exists():
            _copy_programs(version, folder)
            outcome.write_text(_install(version, npm, folder))
    if problem := outcome.read_text():
        pytest.skip(f"npm could not install the {version} clients: {problem}")
    return folder


def _copy_programs(version: str, folder: Path) -> None:
    shutil.copytree(HERE / "client", folder, ignore=shutil.ignore_patterns("node_modules"))
    if version == NEWEST:
        (folder / "package-lock.json").unlink()
        shutil.copy(HERE / "newest" / "package.json", folder)


def _install(version: str, npm: Sequence[str], folder: Path) -> str:
    """What went wrong, or nothing."""
    command = [*npm, *INSTALL[version], *QUIETLY]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return f"it took more than {PATIENCE} s"
    return _reason(done.stderr) if done.returncode else ""


def _reason(said: str) -> str:
    errors = [line for line in said.splitlines() if line.startswith("npm error")]
    return "; ".join(errors[:3]) or said or "it did not say why"


def _shared(temporary: pytest.TempPathFactory) -> Path:
    """What is of this run: with several test processes, the folder that holds those of each."""
    own = temporary.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@contextmanager
def _alone(folder: Path) -> Iterator[Path]:
    """The folder, while no other test process has it."""
    with (folder / "npm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
