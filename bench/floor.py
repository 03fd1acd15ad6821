"""What the machine allows: the same events, appended by the smallest program that is durable.

A chain of nodes in memory, five events a node, one fenced append for each group. No flow, no
ports, no states, no recovery: the distance to it is what those cost.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path

import orjson


class BareJournal:
    """One execution, one table, one writer."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("CREATE TABLE ex (id TEXT PRIMARY KEY, num INT, next INT)")
        self._db.execute(
            "CREATE TABLE ev (ex TEXT, pos INT, type TEXT, at INT, data BLOB,"
            " PRIMARY KEY (ex, pos)) WITHOUT ROWID"
        )
        self._db.execute("INSERT INTO ex VALUES ('E1', 1, 0)")
        self._rows: list[tuple[str, int, str, int, bytes]] = []
        self._position = 0
        self._news = asyncio.Event()
        self._flushed = asyncio.Event()

    def record(self, type_: str, data: dict[str, object]) -> None:
        at = time.time_ns() // 1_000_000
        self._rows.append(("E1", self._position, type_, at, orjson.dumps({"json": data})))
        self._position += 1
        self._news.set()

    async def pump(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._news.wait()
            self._news.clear()
            rows, self._rows = self._rows, []
            await loop.run_in_executor(None, self._write, rows)
            if not self._rows:
                self._flushed.set()

    async def flushed(self) -> None:
        self._flushed.clear()
        self._news.set()
        await self._flushed.wait()

    def _write(self, rows: list[tuple[str, int, str, int, bytes]]) -> None:
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        db.execute("UPDATE ex SET next = next + ? WHERE id = 'E1' AND num = 1", (len(rows),))
        for start in range(0, len(rows), 500):
            part = rows[start : start + 500]
            marks = ",".join(["(?,?,?,?,?)"] * len(part))
            db.execute(f"INSERT INTO ev VALUES {marks}", [x for row in part for x in row])
        db.execute("COMMIT")


async def floor_chain(path: Path, nodes: int) -> float:
    """Nodes per second of the bare chain."""
    journal = BareJournal(path)
    pump = asyncio.create_task(journal.pump())
    began = time.perf_counter()
    for number in range(nodes):
        name = f"m{number}"
        change: dict[str, object] = {
            "nodeId": name,
            "oldStatus": "initialized",
            "newStatus": "executing",
        }
        journal.record("node:status-changed", change)
        journal.record("node:started", {"nodeId": name})
        journal.record("edge:transfer-completed", {"edgeId": name, "transferTime": 0})
        change = {"nodeId": name, "oldStatus": "executing", "newStatus": "completed"}
        journal.record("node:status-changed", change)
        done: dict[str, object] = {
            "nodeId": name,
            "values": {"result": number + 1},
            "executionTime": 0,
        }
        journal.record("node:completed", done)
        if number % 64 == 0:
            await asyncio.sleep(0)
    await journal.flushed()
    rate = nodes / (time.perf_counter() - began)
    pump.cancel()
    return rate
