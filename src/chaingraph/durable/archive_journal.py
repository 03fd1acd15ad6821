"""An archive as a journal: what can be read of an execution can be read of its file."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from chaingraph.durable import tables as t
from chaingraph.durable.archive import LEFT_OUT, Archive
from chaingraph.durable.rows import folded_of, stored
from chaingraph.execution.memory import MemoryJournal
from chaingraph.execution.memory_row import MemoryRow
from chaingraph.execution.records import Command, CommandKind, Entry
from chaingraph.execution.times import now_ms


class ArchiveJournal(MemoryJournal):
    """The executions of an archive, in memory."""

    def __init__(self, archive: Archive) -> None:
        super().__init__(now_ms)
        self._snapshots = {row["hash"]: row["data"] for row in archive.of(t.snapshots)}
        for row in archive.of(t.executions):
            columns: Any = SimpleNamespace(**dict.fromkeys(LEFT_OUT), **row)
            found = stored(columns)
            self._executions[found.row.id] = MemoryRow(
                found.row, found.dispatch, [], folded=folded_of(found.row)
            )
        for row in archive.of(t.journal):
            entry = Entry(row["position"], row["type"], row["at"], row["data"])
            self._executions[row["execution_id"]].entries.append(entry)
        for row in archive.of(t.inbox):
            kind = CommandKind(row["kind"])
            command = Command(row["command_id"], kind, row["caller"], row["data"], row["seq"])
            self._executions[row["execution_id"]].inbox.append(command)
        for row in archive.of(t.blobs):
            self._blobs[row["root_execution_id"], row["hash"]] = row["data"]
