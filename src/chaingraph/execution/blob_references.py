"""Which blobs an entry of a journal refers to."""

from __future__ import annotations

from chaingraph.execution.reading import decode, has_large_values
from chaingraph.execution.recorder import large_values
from chaingraph.execution.records import Entry


def blob_hashes(entry: Entry) -> list[str]:
    """The hashes of its large values."""
    if not has_large_values(entry):
        return []
    return [ref["$blob"] for ref in large_values(decode(entry).data).values()]
