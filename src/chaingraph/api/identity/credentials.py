"""Who calls: from what a connection brings along to a principal."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from chaingraph.execution.principals import LOCAL, Principal

TOKEN_PARAM = "sessionBadAI"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a connection or request says about its sender."""

    params: Mapping[str, str] = field(default_factory=dict)
    authorization: str = ""
    cookie: str = ""

    @property
    def token(self) -> str | None:
        """The first of: connection parameter, bearer token, session cookie."""
        if token := self.params.get(TOKEN_PARAM):
            return token
        scheme, _, value = self.authorization.partition(" ")
        if scheme.lower() == "bearer" and value:
            return value
        session = re.search(r"session=([^;]+)", self.cookie)
        return session[1] if session else None


Authenticate: TypeAlias = Callable[[Credentials], Awaitable[Principal | None]]
"""Asked once for a connection. None lets the connection be and refuses every call on it."""


async def everyone_is_local(credentials: Credentials) -> Principal | None:
    """Without authentication every caller is the admin `local`."""
    return LOCAL
