"""The procedures that give out links to an execution, and take them back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from chaingraph.api import inputs
from chaingraph.api.admission import Admission
from chaingraph.api.service import Sharing
from chaingraph.execution.identity import Token
from chaingraph.execution.principals import Principal, Scope
from chaingraph.trpc.router import Procedure, Router


def sharing(service: Sharing, admission: Admission) -> Router:
    """The procedures by name."""
    calls = _Sharing(service)
    run = admission.to_execution(Scope.RUN)
    # Who may not read may not let others read either.
    both = admission.to_execution(Scope.RUN, Scope.READ)
    by_id = inputs.OnExecution.model_validate
    unshare = inputs.Unshare.model_validate
    return {
        "shareExecution": Procedure("mutation", inputs.Share.model_validate, calls.share, both),
        "getShares": Procedure("query", by_id, calls.shares, both),
        "unshareExecution": Procedure("mutation", unshare, calls.unshare, run),
    }


@dataclass(frozen=True, slots=True)
class _Sharing:
    service: Sharing

    async def share(self, caller: Principal, given: inputs.Share) -> dict[str, Any]:
        seconds = given.expires_in_seconds
        life = None if seconds is None else timedelta(seconds=seconds)
        token, text = await self.service.share(
            caller, given.execution_id, expires_in=life, name=given.name
        )
        return {**_shown(token), "token": text}

    async def shares(self, caller: Principal, given: inputs.OnExecution) -> list[dict[str, Any]]:
        return [_shown(each) for each in await self.service.shares(caller, given.execution_id)]

    async def unshare(self, caller: Principal, given: inputs.Unshare) -> dict[str, bool]:
        await self.service.unshare(caller, given.execution_id, given.share_id)
        return {"success": True}


def _shown(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "createdAt": _time(token.created_at),
        "expiresAt": None if token.expires_at is None else _time(token.expires_at),
    }


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
