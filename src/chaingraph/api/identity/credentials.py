"""What a connection brings along to say who calls, and how callers become known by it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from starlette.datastructures import Headers, QueryParams
from starlette.types import Scope

from chaingraph.execution.principals import LOCAL, Principal

TOKEN_PARAMS: Final = ("sessionBadAI", "token")
"""Connection parameters that carry a token; the first is that of the original's clients."""
SHARE: Final = "share"
"""The query parameter of a link to one shared execution."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a connection or request says about its sender."""

    params: Mapping[str, str] = field(default_factory=dict)
    authorization: str = ""
    cookie: str = ""
    #: the token of a link, which is good for nothing but to watch what it shares
    share: str = ""
    #: the network address it came from
    address: str = ""

    @classmethod
    def of(cls, scope: Scope, params: Mapping[str, str] | None = None) -> Credentials:
        """Those of an ASGI connection."""
        headers = Headers(scope=scope)
        client = scope.get("client")
        return cls(
            params or {},
            headers.get("authorization", ""),
            headers.get("cookie", ""),
            QueryParams(scope["query_string"]).get(SHARE, ""),
            client[0] if client else "",
        )

    @property
    def token(self) -> str | None:
        """The first of: connection parameter, bearer token, session cookie."""
        for name in TOKEN_PARAMS:
            if token := self.params.get(name):
                return token
        scheme, _, value = self.authorization.partition(" ")
        if scheme.lower() == "bearer" and value:
            return value.strip()
        session = re.search(r"(?:^|;)\s*session=([^;]+)", self.cookie)
        return session[1] if session else None


Authenticate: TypeAlias = Callable[[Credentials], Awaitable[Principal | None]]
"""Asked again and again while a connection lives. None refuses every call on it.

May raise StoreUnavailable when it cannot be known now.
"""


async def everyone_is_local(credentials: Credentials) -> Principal | None:
    """Without authentication every caller is the admin `local`."""
    return LOCAL


def first_of(*ways: Authenticate) -> Authenticate:
    """The principal of the first way that knows one."""

    async def authenticate(credentials: Credentials) -> Principal | None:
        for way in ways:
            if (principal := await way(credentials)) is not None:
                return principal
        return None

    return authenticate
