"""Who calls, by the word of an OpenID issuer: signed JSON Web Tokens."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

import jwt
from jwt.types import Options

from chaingraph.api.identity.credentials import Credentials
from chaingraph.api.identity.jwks import IssuerKeys
from chaingraph.execution.identity import Accounts
from chaingraph.execution.principals import Principal, Role

logger = logging.getLogger(__name__)

#: How far the issuer's clock may be from ours.
LEEWAY_SECONDS: Final = 30
MAX_TOKEN_LENGTH: Final = 16_384

#: Times are left to us, who can be given a clock.
_OPTIONS: Final[Options] = {
    "require": ["iss", "aud", "sub", "exp"],
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "enforce_minimum_key_length": True,
}


class OidcAuthentication:
    """Knows who bears a token that `issuer` made for `audience`.

    A user whom an account of `provider` is linked to is that user; everybody else is the token's
    subject. `role_claim` names the claim that holds roles; dots lead into objects.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        *,
        accounts: Accounts,
        clock: Callable[[], int],
        jwks_url: str = "",
        role_claim: str = "role",
        provider: str = "oidc",
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._accounts = accounts
        self._clock = clock
        self._keys = IssuerKeys(issuer, jwks_url, clock=clock)
        self._role_claim = role_claim
        self._provider = provider

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._keys.close()

    async def __call__(self, credentials: Credentials) -> Principal | None:
        """Raises StoreUnavailable when it cannot be known who calls."""
        token = credentials.token or ""
        opened = _opened(token)
        if opened is None or opened["payload"].get("iss") != self._issuer:
            return None
        try:
            claims = await self._verified(token, opened["header"])
        except jwt.PyJWTError as error:
            logger.info("A token of %s is refused: %s", self._issuer, error)
            return None
        return await self._principal(claims)

    async def _verified(self, token: str, header: Mapping[str, Any]) -> Mapping[str, Any]:
        """The claims of a token. Raises jwt.PyJWTError when it is not to be believed."""
        # A token's own `jwk`, `jku` and `x5u` prove nothing: who made it could have made those.
        key = await self._keys.find(header.get("kid"), header.get("alg", ""))
        if key is None:
            raise jwt.InvalidKeyError("the issuer has no key for it")
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key.public,
            algorithms=key.algorithms,
            options=_OPTIONS,
            audience=self._audience,
            issuer=self._issuer,
        )
        _check_times(claims, self._clock() / 1000)
        if not claims["sub"]:
            raise jwt.InvalidTokenError("its subject is empty")
        return claims

    async def _principal(self, claims: Mapping[str, Any]) -> Principal:
        subject = claims["sub"]
        role = claimed_role(claims, self._role_claim)
        user = await self._accounts.user_of(self._provider, subject)
        if user is None:
            # Whom nobody linked owns nothing under a bare id: it may be that of somebody here.
            return Principal(f"{self._provider}:{subject}", role or Role.USER)
        return Principal(user.id, role or user.role, await self._accounts.aliases(user.id))


def claimed_role(claims: Mapping[str, Any], claim: str) -> Role | None:
    """The mightiest known role that a claim names."""
    named = _claim(claims, claim)
    names = named if isinstance(named, list) else [named]
    return next((role for role in Role if role in names), None)


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    # Some issuers make claims unique by an address, and it has dots: https://example.com/roles
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(name)
    return found


def _opened(token: str) -> dict[str, Any] | None:
    """What a JSON Web Token says, believed by nobody yet; None when it is none."""
    if len(token) > MAX_TOKEN_LENGTH or not token.isascii():
        return None
    try:
        return jwt.decode_complete(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        return None


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    """Raises jwt.PyJWTError unless a token is valid now, give or take the leeway."""
    if not now < _seconds(claims, "exp") + LEEWAY_SECONDS:
        raise jwt.ExpiredSignatureError("it has expired")
    for claim in ("nbf", "iat"):
        if claim in claims and not _seconds(claims, claim) <= now + LEEWAY_SECONDS:
            raise jwt.ImmatureSignatureError(f"it is not valid yet ({claim})")


def _seconds(claims: Mapping[str, Any], claim: str) -> float:
    value = claims[claim]
    if not isinstance(value, int | float):
        raise jwt.DecodeError(f"{claim} is no number")
    return value
