from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import make_url

from chaingraph.durable.write_lock import held_write_lock

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_free_file_and_a_missing_one_are_no_finding(tmp_path: Path) -> None:
    file = tmp_path / "chaingraph.db"
    url = make_url(f"sqlite:///{file}")
    assert held_write_lock(url) is None
    assert not file.exists()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    assert held_write_lock(url) is None
    assert held_write_lock(make_url("postgresql://localhost/nobody")) is None


def test_who_holds_the_lock_is_named(tmp_path: Path) -> None:
    file = tmp_path / "chaingraph.db"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        finding = held_write_lock(make_url(f"sqlite:///{file}"), patience=0.05)
        holder.kill()
    assert finding is not None
    assert finding.subject == str(file)
    assert f"process {holder.pid} (" in finding.what
    assert f"kill -KILL {holder.pid}" in finding.what
