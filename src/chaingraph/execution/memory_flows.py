"""The stored flows of the in-memory backend."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from chaingraph.errors import Forbidden
from chaingraph.execution.ports import StoredFlow
from chaingraph.execution.times import from_ms


class MemoryFlows:
    """The stored flows, in a dictionary."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._flows: dict[str, StoredFlow] = {}

    async def put(
        self, data: Mapping[str, Any], owner_id: str, owners: Collection[str] | None = None
    ) -> StoredFlow:
        now, known = from_ms(self._clock()), self._flows.get(data["id"])
        if known is not None and not _is_of(known, owners):
            raise Forbidden(f"flow {known.id}")
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
            (each for each in self._flows.values() if _is_of(each, owners)),
            key=lambda flow: flow.id,
        )
        return sorted(flows, key=lambda flow: flow.created_at, reverse=True)

    async def delete(self, flow_id: str, owners: Collection[str] | None = None) -> bool:
        known = self._flows.get(flow_id)
        if known is None or not _is_of(known, owners):
            return False
        del self._flows[flow_id]
        return True


def _is_of(flow: StoredFlow, owners: Collection[str] | None) -> bool:
    return owners is None or flow.owner in owners
