"""Who keeps SQLite from writing? A process that was stopped inside a transaction blocks all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
from sqlalchemy.engine import URL

from chaingraph.durable.doctor import Check, Finding

#: Transactions are short: whoever waits longer than this waits for something that is stuck.
PATIENCE = 5.0


def held_write_lock(url: URL, patience: float = PATIENCE) -> Finding | None:
    """The finding, when the database is an SQLite file that cannot be written for so long."""
    file = Path(str(url.database))
    if url.get_backend_name() != "sqlite" or not file.is_file():
        return None
    with closing(sqlite3.connect(file, timeout=patience, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            return Finding(Check.WRITE_LOCK, str(file), f"{error} for {patience:g} s: {_who(file)}")
        connection.execute("ROLLBACK")
    return None


def _who(file: Path) -> str:
    users = list(_users(file.resolve()))
    if not users:
        return "a process that cannot be seen from here writes to it; end it or let it go on"
    words = [f"process {each.pid} ({each.status()})" for each in users]
    stopped = next((each for each in users if each.status() == psutil.STATUS_STOPPED), users[0])
    return (
        f"{', '.join(words)} has it open; let it go on (kill -CONT {stopped.pid}) "
        f"or end it (kill -KILL {stopped.pid})"
    )


def _users(file: Path) -> Iterator[psutil.Process]:
    """The other processes that have the file open."""
    mine = psutil.Process().pid
    for process in psutil.process_iter():
        try:
            opened = process.pid != mine and process.open_files()
        except psutil.Error:
            continue
        if opened and any(each.path == str(file) for each in opened):
            yield process
