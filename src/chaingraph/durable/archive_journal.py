"""An archive as a journal: what can be read of an execution can be read of its file."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from chaingraph.durable import tables as t
from chaingraph.durable.archive import Archive
from chaingraph.durable.rows import delivery_of, folded_of, stored
from chaingraph.execution.memory import MemoryJournal
from chaingraph.execution.memory_row import MemoryRow
from chaingraph.execution.records import Entry
from chaingraph.execution.times import now_ms


class ArchiveJournal(MemoryJournal):
    """The executions of an archive, in memory."""

    def __init__(self, archive: Archive) -> None:
        super().__init__(now_ms)
        self._snapshots = {row["hash"]: row["data"] for row in archive.of(t.snapshots)}
        for row in archive.of(t.executions):
            columns: Any = SimpleNamespace(**{**dict.fromkeys(t.executions.columns.keys()), **row})
            found = stored(columns)
            self._executions[found.row.id] = MemoryRow(
                found.row, found.dispatch, [], folded=folded_of(found.row)
            )
        for row in archive.of(t.journal):
            entry = Entry(row["position"], row["type"], row["at"], row["data"])
            self._executions[row["execution_id"]].entries.append(entry)
        for row in archive.of(t.inbox):
            delivery: Any = SimpleNamespace(**row)
            self._executions[row["execution_id"]].inbox.append(delivery_of(delivery))
        for row in archive.of(t.blobs):
            self._blobs[row["root_execution_id"], row["hash"]] = row["data"]
