"""Who is admitted to a procedure, before the rest of the input is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from chaingraph.api.service import Reading
from chaingraph.execution.principals import Principal
from chaingraph.trpc.codes import TRPCError
from chaingraph.trpc.router import ReadInput

Caller: TypeAlias = Principal | None


@dataclass(frozen=True, slots=True)
class Admission:
    service: Reading

    async def authenticated(self, caller: Caller, read_input: ReadInput) -> None:
        """Whoever has a name; what they may do the service decides."""
        _principal(caller)

    async def to_execution(self, caller: Caller, read_input: ReadInput) -> None:
        """Who may not reach the execution learns nothing about the rest of the input.

        A missing id is left to the schema, which names it.
        """
        principal, execution_id = _principal(caller), _execution_id(read_input())
        if execution_id is not None and principal.role != "admin":
            await self.service.details(principal, execution_id)

    async def to_stream(self, caller: Caller, read_input: ReadInput) -> None:
        """Refuses before the stream begins. A missing id is left to the schema: an event source
        would take an internal error for a hiccup and come back for ever."""
        principal, execution_id = _principal(caller), _execution_id(read_input())
        if execution_id is not None:
            await self.service.details(principal, execution_id)


def _principal(caller: Caller) -> Principal:
    if caller is None:
        raise TRPCError("UNAUTHORIZED", "UNAUTHORIZED")
    return caller


def _execution_id(raw: Any) -> str | None:
    value = raw.get("executionId") if isinstance(raw, dict) else None
    return value if isinstance(value, str) and value else None
