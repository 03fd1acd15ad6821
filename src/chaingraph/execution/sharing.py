"""Shares: tokens with which anybody may watch one execution, given out by its owner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from chaingraph.errors import BadInput, TokenNotFound
from chaingraph.execution.identity import Token, Tokens, hash_of, new_token
from chaingraph.execution.ownership import OfOwners
from chaingraph.execution.ports import Journal
from chaingraph.execution.principals import Principal, Role, Scope

LIFE: Final = timedelta(days=7)
LONGEST_LIFE: Final = timedelta(days=365)
#: of one execution, that are good at the same time
MAX_SHARES: Final = 100


class Sharing(OfOwners):
    """For owners of executions. Raises ExecutionNotFound, and Forbidden for anybody else."""

    def __init__(self, journal: Journal, tokens: Tokens, clock: Callable[[], int]) -> None:
        self._journal = journal
        self._tokens = tokens
        self._clock = clock

    async def share(
        self,
        principal: Principal,
        execution_id: str,
        *,
        expires_in: timedelta | None = None,
        name: str = "",
    ) -> tuple[Token, str]:
        """A new share and its text, which is not shown again. Raises BadInput for a life that is
        too long."""
        good = await self.shares(principal, execution_id)
        if len(good) >= MAX_SHARES:
            raise BadInput(f"Execution {execution_id} has {MAX_SHARES} shares: take some back")
        life = LIFE if expires_in is None else expires_in
        if not timedelta(0) < life <= LONGEST_LIFE:
            raise BadInput(f"A share lives longer than 0 and at most {LONGEST_LIFE.days} days")
        token, text = new_token(
            "share",
            Role.GUEST,
            [Scope.READ],
            created_at=self._clock(),
            life=life,
            name=name,
            execution_id=execution_id,
        )
        share = replace(token, user_id=f"share:{token.id}")
        await self._tokens.add(share, hash_of(text))
        return share, text

    async def shares(self, principal: Principal, execution_id: str) -> list[Token]:
        """The shares that are good now, newest first."""
        await self._owned(principal, execution_id)
        now, found = self._clock(), await self._tokens.list(execution_id)
        return [each for each in found if each.is_good(now)]

    async def unshare(self, principal: Principal, execution_id: str, token_id: str) -> None:
        """Revoke a share. Raises TokenNotFound when it is none of this execution's."""
        await self._owned(principal, execution_id)
        found = await self._tokens.find(token_id)
        if found is None or found[0].execution_id != execution_id:
            raise TokenNotFound(token_id)
        await self._tokens.revoke(token_id)
