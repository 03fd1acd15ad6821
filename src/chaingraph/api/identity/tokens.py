"""Callers known by the tokens that this server gave out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hmac import compare_digest
from time import monotonic
from typing import Final

from cachetools import TTLCache

from chaingraph.api.identity.credentials import Credentials
from chaingraph.execution.identity import Accounts, Token, Tokens, hash_of, token_id
from chaingraph.execution.principals import Principal

#: What the database said of a token holds for so long; so late a revocation may be seen.
REMEMBER_SECONDS: Final = 5.0
_REMEMBERED: Final = 10_000


class TokenAuthentication:
    """An `Authenticate`. A token that is unknown, expired or revoked is nobody's."""

    def __init__(
        self,
        tokens: Tokens,
        accounts: Accounts,
        clock: Callable[[], int],
        timer: Callable[[], float] = monotonic,
    ) -> None:
        self._tokens = tokens
        self._accounts = accounts
        self._clock = clock
        self._found: TTLCache[bytes, tuple[Token, Principal] | None] = TTLCache(
            _REMEMBERED, REMEMBER_SECONDS, timer
        )

    async def __call__(self, credentials: Credentials) -> Principal | None:
        text = credentials.token
        own = None if text is None else await self._bearer(text)
        if not credentials.share:
            return own
        link = await self._bearer(credentials.share)
        if link is None or link.shared is None:
            return own  # links end up in histories and logs: no other token is taken from one
        return link if own is None else replace(own, shared=link.shared)

    async def _bearer(self, text: str) -> Principal | None:
        """Who may use the token now."""
        key = hash_of(text)
        found = self._found.get(key, ...)
        if found is ...:
            found = self._found[key] = await self._find(text, key)
        return found[1] if found is not None and found[0].is_good(self._clock()) else None

    async def _find(self, text: str, hash: bytes) -> tuple[Token, Principal] | None:
        id = token_id(text)
        known = None if id is None else await self._tokens.find(id)
        if known is None or not compare_digest(known[1], hash):
            return None
        token, _ = known
        aliases = await self._accounts.aliases(token.user_id)
        return token, token.principal(aliases)
