"""Tokens, and the users and their accounts elsewhere that stand behind ids of owners."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Final, Protocol

from chaingraph.execution.principals import ALL_SCOPES, Principal, Role, Scope
from chaingraph.flow.ids import ALPHABET, random_letters

_TEXT: Final = re.compile(f"cg_([{ALPHABET}]{{12}})_[{ALPHABET}]{{40}}")


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token; its text is known to its bearer alone."""

    id: str
    user_id: str
    role: str
    scopes: frozenset[Scope]
    #: a label for people; may be empty
    name: str
    #: milliseconds since 1970, as all times here
    created_at: int
    expires_at: int | None
    revoked_at: int | None = None
    #: of a share: the one execution that may be watched
    execution_id: str | None = None

    def is_good(self, now: int) -> bool:
        """Whether it opens anything at this time."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def principal(self, aliases: frozenset[str]) -> Principal:
        """Who calls with this token; the aliases are those of its user."""
        return Principal(
            self.user_id, self.role, aliases=aliases, scopes=self.scopes, shared=self.execution_id
        )


@dataclass(frozen=True, slots=True)
class User:
    id: str
    role: str


@dataclass(frozen=True, slots=True)
class Account:
    """Who a user is at a provider of identities."""

    user_id: str
    provider: str
    external_id: str


def new_token(
    user_id: str,
    role: str = Role.USER,
    scopes: Iterable[Scope] = ALL_SCOPES,
    *,
    created_at: int,
    life: timedelta | None = None,
    name: str = "",
    execution_id: str | None = None,
) -> tuple[Token, str]:
    """A token and its text, which nobody can tell again. Without a `life` it does not expire."""
    token = Token(
        id=random_letters(12),
        user_id=user_id,
        role=role,
        scopes=frozenset(scopes),
        name=name,
        created_at=created_at,
        expires_at=None if life is None else created_at + life // timedelta(milliseconds=1),
        execution_id=execution_id,
    )
    return token, f"cg_{token.id}_{random_letters(40)}"


def hash_of(text: str) -> bytes:
    """What is kept of a token's text. Its entropy makes a slow hash needless."""
    return sha256(text.encode(errors="surrogatepass")).digest()


def token_id(text: str) -> str | None:
    """The id in a token's text; None when it is no token of ours."""
    match = _TEXT.fullmatch(text)
    return match[1] if match else None


class Tokens(Protocol):
    """The tokens, without their texts."""

    async def add(self, token: Token, hash: bytes) -> None:
        """Keep it; one that is known already stays as it is."""

    async def find(self, token_id: str) -> tuple[Token, bytes] | None:
        """The token, revoked or not, with its hash."""

    async def list(self, execution_id: str | None = None) -> Sequence[Token]:
        """All, or the shares of an execution, newest first."""

    async def revoke(self, token_id: str) -> bool:
        """Whether there is such a token. Revoking again changes nothing."""


class Accounts(Protocol):
    """The users and their accounts."""

    async def user(self, user_id: str) -> User | None: ...

    async def user_of(self, provider: str, external_id: str) -> User | None:
        """The user that an account is linked to."""

    async def aliases(self, user_id: str) -> frozenset[str]:
        """The ids of owners that mean this user too: `provider:external_id` of its accounts, and
        the bare `external_id` unless it means somebody else as well."""

    async def add_user(self, user: User) -> None:
        """Add a user, or give a known one this role."""

    async def link(self, account: Account) -> None:
        """Link an account; again changes nothing. Raises UserNotFound, and AccountTaken when it
        is another user's."""

    async def unlink(self, provider: str, external_id: str) -> bool:
        """Whether there was such an account."""

    async def list(self) -> Sequence[tuple[User, builtins.list[Account]]]:
        """All users with their accounts, by id."""
