"""Executions that have ended, by the real moves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chaingraph.execution.fold import Folded
from chaingraph.execution.records import Status
from tests.conformance.backends import Backend
from tests.conformance.steps import batch, ending, leased


async def ended(backend: Backend, execution_id: str, **more: Any) -> None:
    """An execution that ran and completed now."""
    lease = await leased(backend, execution_id)
    await backend.journal.append(batch(lease, 1, **more))
    now = backend.clock()
    folded = Folded(Status.COMPLETED, started_at=now, completed_at=now)
    await backend.journal.append(replace(ending(lease, 2), folded=folded))
