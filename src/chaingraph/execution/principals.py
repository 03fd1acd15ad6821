"""Who asks, and what they may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Scope(StrEnum):
    """What a credential is good for, among what belongs to its user."""

    READ = "read"
    """See flows, executions and their events."""
    ANSWER = "answer"
    """Send the signals that executions wait for."""
    RUN = "run"
    """Make executions and steer them."""
    WRITE = "write"
    """Store and delete flows."""


class Role(StrEnum):
    """What a user is. All but admins are confined to what they own."""

    ADMIN = "admin"
    USER = "user"
    AGENT = "agent"
    GUEST = "guest"


ALL_SCOPES: Final = frozenset(Scope)
SCOPES_OF: Final[Mapping[str, frozenset[Scope]]] = {
    Role.ADMIN: ALL_SCOPES,
    Role.USER: ALL_SCOPES,
    Role.AGENT: ALL_SCOPES - {Scope.WRITE},
    Role.GUEST: frozenset({Scope.READ, Scope.ANSWER}),
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. A role that is not known may do nothing."""

    user_id: str
    role: str = Role.USER
    #: other ids under which the same user owns things
    aliases: frozenset[str] = frozenset()
    #: what the credential is good for; the role may allow less
    scopes: frozenset[Scope] = ALL_SCOPES
    #: the one execution that the bearer of a share may watch, whoever owns it
    shared: str | None = None

    @property
    def names(self) -> frozenset[str]:
        """All ids that mean this user."""
        return self.aliases | {self.user_id}

    @property
    def owners(self) -> frozenset[str] | None:
        """The owners whose things this principal may use; None means all."""
        return None if self.role == Role.ADMIN else self.names

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes and scope in SCOPES_OF.get(self.role, ())

    def may_use(self, owner_id: str) -> bool:
        return self.owners is None or owner_id in self.owners

    def may_watch(self, execution_id: str, owner_id: str) -> bool:
        return self.may_use(owner_id) or execution_id == self.shared


LOCAL: Final = Principal("local", Role.ADMIN)
"""Everybody, on a server that asks nobody who they are."""
