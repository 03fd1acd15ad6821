"""Tokens, users and accounts of the in-memory backend."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from dataclasses import replace

from chaingraph.errors import AccountTaken, UserNotFound
from chaingraph.execution.identity import Account, Token, User


class MemoryTokens:
    """The tokens, in a dictionary."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._tokens: dict[str, tuple[Token, bytes]] = {}

    async def add(self, token: Token, hash: bytes) -> None:
        self._tokens.setdefault(token.id, (token, hash))

    async def find(self, token_id: str) -> tuple[Token, bytes] | None:
        return self._tokens.get(token_id)

    async def list(self, execution_id: str | None = None) -> list[Token]:
        tokens = sorted((token for token, _ in self._tokens.values()), key=lambda each: each.id)
        newest = sorted(tokens, key=lambda each: each.created_at, reverse=True)
        return [each for each in newest if execution_id in (None, each.execution_id)]

    async def revoke(self, token_id: str) -> bool:
        found = self._tokens.get(token_id)
        if found is None:
            return False
        token, hash = found
        if token.revoked_at is None:
            self._tokens[token_id] = replace(token, revoked_at=self._clock()), hash
        return True


class MemoryAccounts:
    """The users and their accounts, in dictionaries."""

    def __init__(self) -> None:
        self._users: dict[str, User] = {}
        self._accounts: dict[tuple[str, str], Account] = {}

    async def user(self, user_id: str) -> User | None:
        return self._users.get(user_id)

    async def user_of(self, provider: str, external_id: str) -> User | None:
        account = self._accounts.get((provider, external_id))
        return None if account is None else self._users[account.user_id]

    async def aliases(self, user_id: str) -> frozenset[str]:
        mine = self._of(user_id)
        theirs = {each.external_id for each in self._accounts.values() if each.user_id != user_id}
        theirs |= self._users.keys() - {user_id}
        bare = {each.external_id for each in mine} - theirs
        return frozenset({f"{each.provider}:{each.external_id}" for each in mine} | bare)

    async def add_user(self, user: User) -> None:
        self._users[user.id] = user

    async def link(self, account: Account) -> None:
        if account.user_id not in self._users:
            raise UserNotFound(account.user_id)
        known = self._accounts.setdefault((account.provider, account.external_id), account)
        if known != account:
            raise AccountTaken(account.provider, account.external_id)

    async def unlink(self, provider: str, external_id: str) -> bool:
        return self._accounts.pop((provider, external_id), None) is not None

    async def list(self) -> builtins.list[tuple[User, builtins.list[Account]]]:
        return [(self._users[user_id], self._of(user_id)) for user_id in sorted(self._users)]

    def _of(self, user_id: str) -> builtins.list[Account]:
        mine = [each for each in self._accounts.values() if each.user_id == user_id]
        return sorted(mine, key=lambda each: (each.provider, each.external_id))
