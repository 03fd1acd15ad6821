"""The package for TypeScript, built from what is in the repository, and a server for it to call."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.client.conftest import client, house, url

__all__ = ["client", "house", "url"]

PACKAGE = Path(__file__).parents[2] / "clients" / "typescript"
PATIENCE = 30


@pytest.fixture(scope="session")
def package(npm: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with what it needs, exactly that of the lock file."""
    folder = tmp_path_factory.mktemp("typescript") / "package"
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("node_modules", "dist", "build"))
    install = [*npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1"]
    try:
        done = run(install, folder, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm could not install the packages in {PATIENCE} s")
    if done.returncode:
        pytest.skip(f"npm could not install the packages: {done.stderr.strip()[:300]}")
    return folder


@pytest.fixture(scope="session")
def built(npm: list[str], package: Path) -> Path:
    """The package in JavaScript, with what its examples and tests have become in `build`."""
    for script in ("build", "check"):
        done = run([*npm, "run", "--silent", script], package)
        assert done.returncode == 0, done.stdout + done.stderr
    return package


def run(
    command: list[str], folder: Path, timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=timeout
    )
