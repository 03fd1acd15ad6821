"""Who is admitted to a procedure, before the rest of the input is looked at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from chaingraph.api.service import Reading
from chaingraph.errors import ScopeNeeded, Unauthorized
from chaingraph.execution.principals import Principal, Role, Scope
from chaingraph.trpc.router import ReadInput

Caller: TypeAlias = Principal | None
Admit: TypeAlias = Callable[[Caller, ReadInput], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Admission:
    service: Reading

    def anybody(self, *scopes: Scope) -> Admit:
        """Whoever has a name and the scopes; the rest the service decides."""

        async def admit(caller: Caller, read_input: ReadInput) -> None:
            _principal(caller, scopes)

        return admit

    def to_execution(self, *scopes: Scope) -> Admit:
        """Who may not reach the execution learns nothing about the rest of the input.

        A missing id is left to the schema, which names it.
        """

        async def admit(caller: Caller, read_input: ReadInput) -> None:
            principal, execution_id = _principal(caller, scopes), _execution_id(read_input())
            if execution_id is not None and principal.role != Role.ADMIN:
                await self.service.details(principal, execution_id)

        return admit

    async def to_stream(self, caller: Caller, read_input: ReadInput) -> None:
        """Refuses before the stream begins, and again while it goes on. A missing id is left to
        the schema: an event source would take an internal error for a hiccup and come back for
        ever."""
        principal, execution_id = _principal(caller, (Scope.READ,)), _execution_id(read_input())
        if execution_id is not None:
            await self.service.details(principal, execution_id)


def _principal(caller: Caller, scopes: Sequence[Scope]) -> Principal:
    if caller is None:
        raise Unauthorized
    for scope in scopes:
        if not caller.may(scope):
            raise ScopeNeeded(scope)
    return caller


def _execution_id(raw: Any) -> str | None:
    value = raw.get("executionId") if isinstance(raw, dict) else None
    return value if isinstance(value, str) and value else None
