"""The stored flows of the in-memory backend."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from chaingraph.execution.ports import StoredFlow
from chaingraph.execution.times import from_ms


class MemoryFlows:
    """The stored flows, in a dictionary."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._flows: dict[str, StoredFlow] = {}

    async def put(self, data: Mapping[str, Any], owner_id: str) -> StoredFlow:
        now, known = from_ms(self._clock()), self._flows.get(data["id"])
        if known is not None and known.data == data:
            return known
        created = now if known is None else known.created_at
        version = 1 if known is None else known.version + 1
        stored = StoredFlow(data["id"], data, owner_id, version, created, now)
        self._flows[stored.id] = stored
        return stored

    async def get(self, flow_id: str) -> StoredFlow | None:
        return self._flows.get(flow_id)

    async def list(self, owners: Collection[str] | None = None) -> list[StoredFlow]:
        flows = sorted(
            (
                each
                for each in self._flows.values()
                if owners is None or (each.owner_id or "local") in owners
            ),
            key=lambda flow: flow.id,
        )
        return sorted(flows, key=lambda flow: flow.created_at, reverse=True)

    async def delete(self, flow_id: str) -> bool:
        return self._flows.pop(flow_id, None) is not None
