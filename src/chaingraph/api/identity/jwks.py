"""The public keys of an OpenID issuer: fetched when they are needed, kept while it is away."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import httpx
import orjson
from jwt import PyJWK, PyJWTError
from jwt.algorithms import AllowedPublicKeys

from chaingraph.errors import StoreUnavailable

logger = logging.getLogger(__name__)

#: For so long fetched keys are taken for the issuer's keys.
FRESH_MS: Final = 10 * 60_000
#: For so long they go on when the issuer does not answer.
LAST_GOOD_MS: Final = 24 * 3_600_000
#: An issuer is asked once in this time, whatever tokens come.
PAUSE_MS: Final = 10_000
MAX_BYTES: Final = 1 << 20
TIMEOUT_SECONDS: Final = 5.0

_RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    kid: str | None
    #: what its owner says it is for; what a token says of itself does not count
    algorithms: tuple[str, ...]
    public: AllowedPublicKeys


class IssuerKeys:
    """The keys at `jwks_url`, or where the issuer's discovery document says when that is empty.

    Whoever makes it owes it a `close()`.
    """

    def __init__(self, issuer: str, jwks_url: str = "", *, clock: Callable[[], int]) -> None:
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._clock = clock
        self._http = httpx.AsyncClient(
            headers={"accept": "application/json", "accept-encoding": "identity"},
            # Each of httpx's own limits begins anew with every byte.
            timeout=None,
            follow_redirects=False,
        )
        self._keys: tuple[VerifyingKey, ...] = ()
        self._fetched_at = -math.inf
        self._tried_at = -math.inf
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str | None, algorithm: str) -> VerifyingKey | None:
        """The key that verifies such a token.

        A key that is known is not waited for, also when it is time to ask the issuer again.
        Raises StoreUnavailable when no keys are known and the issuer does not answer.
        """
        key = self._known(kid, algorithm)
        if key is None:
            await self._refreshed()
            key = self._known(kid, algorithm)
        elif self._since(self._fetched_at) >= FRESH_MS:
            self._refresh()
        if key is None and self._are_spent:
            raise StoreUnavailable(f"The OpenID issuer {self._issuer} does not answer")
        return key

    async def close(self) -> None:
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])
        await self._http.aclose()

    @property
    def _are_spent(self) -> bool:
        return self._since(self._fetched_at) >= LAST_GOOD_MS

    def _known(self, kid: str | None, algorithm: str) -> VerifyingKey | None:
        if self._are_spent:
            return None
        fitting = [key for key in self._keys if algorithm in key.algorithms]
        if kid is not None:
            return next((key for key in fitting if key.kid == kid), None)
        # OpenID Connect Core 10.1: "If there are multiple keys in the referenced JWK Set
        # document, a kid value MUST be provided in the JOSE Header."
        return fitting[0] if len(fitting) == 1 else None

    async def _refreshed(self) -> None:
        """Return when the keys were asked for. Who comes meanwhile shares the fetch."""
        self._refresh()
        if self._fetching is not None:
            # A caller that goes away does not take the keys from the others.
            await asyncio.shield(self._fetching)

    def _refresh(self) -> None:
        """Begin to fetch the keys, unless that is tried now or was tried just now."""
        is_idle = self._fetching is None or self._fetching.done()
        if is_idle and self._since(self._tried_at) >= PAUSE_MS:
            self._fetching = asyncio.create_task(self._fetch())

    async def _fetch(self) -> None:
        try:
            self._keys = await self._load()
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
            reason = str(error) or type(error).__name__
            logger.warning("No keys from the OpenID issuer %s: %s", self._issuer, reason)
        else:
            self._fetched_at = self._clock()
        finally:
            self._tried_at = self._clock()

    async def _load(self) -> tuple[VerifyingKey, ...]:
        url = self._jwks_url or await self._discover()
        listed = (await self._get(url)).get("keys")
        if not isinstance(listed, list):
            raise ValueError(f"{url} is no set of keys")
        return tuple(key for jwk in listed if (key := verifying_key(jwk)) is not None)

    async def _discover(self) -> str:
        url = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
        found = await self._get(url)
        # OpenID Connect Discovery 4.3: "The issuer value returned MUST be identical to the
        # Issuer URL that was used as the prefix"
        if found.get("issuer") != self._issuer:
            raise ValueError(f"{url} is of another issuer")
        jwks_url = found.get("jwks_uri")
        schemes = ("https://",) if self._issuer.startswith("https://") else ("https://", "http://")
        if not isinstance(jwks_url, str) or not jwks_url.startswith(schemes):
            raise ValueError(f"{url} does not say where the keys are")
        return jwks_url

    async def _get(self, url: str) -> dict[str, Any]:
        body = bytearray()
        async with asyncio.timeout(TIMEOUT_SECONDS), self._http.stream("GET", url) as response:
            if response.status_code != 200:
                raise ValueError(f"{url} answers HTTP {response.status_code}")
            # Not decompressed: a small answer could grow without limit.
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise ValueError(f"{url} answers more than {MAX_BYTES:,} bytes")
        members = orjson.loads(body)
        if not isinstance(members, dict):
            raise ValueError(f"{url} answers no JSON object")
        return members

    def _since(self, at: float) -> float:
        # Clocks jump, backwards too.
        return abs(self._clock() - at)


def verifying_key(jwk: Any) -> VerifyingKey | None:
    """A member of a JWK Set; None when it verifies no signature that we take."""
    algorithms = _algorithms(jwk)
    if not algorithms:
        return None
    try:
        public = PyJWK(jwk, algorithms[0]).key
    except PyJWTError:
        return None
    kid = jwk.get("kid")
    return VerifyingKey(kid if isinstance(kid, str) else None, algorithms, public)


def _algorithms(jwk: Any) -> tuple[str, ...]:
    match jwk:
        # A private key in a public place is everybody's key.
        case {"d": _}:
            return ()
        case {"use": use} if use != "sig":
            return ()
        case {"alg": algorithm}:
            return tuple(each for each in _family(jwk) if each == algorithm)
    return _family(jwk)


def _family(jwk: Any) -> tuple[str, ...]:
    match jwk:
        case {"kty": "RSA"}:
            return _RSA
        case {"kty": "EC", "crv": "P-256"}:
            return ("ES256",)
        case {"kty": "EC", "crv": "P-384"}:
            return ("ES384",)
        case {"kty": "EC", "crv": "P-521"}:
            return ("ES512",)
        case {"kty": "OKP", "crv": "Ed25519" | "Ed448"}:
            return ("EdDSA",)
    return ()
