"""An OpenID issuer of one's own: keys, tokens, and a server that can be led astray."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import AllowedPrivateKeys, AllowedPublicKeys, get_default_algorithms

DISCOVERY = "/.well-known/openid-configuration"
JWKS = "/keys"
AUDIENCE = "chaingraph"

_CURVES: Mapping[str, ec.EllipticCurve] = {
    "ES256": ec.SECP256R1(),
    "ES384": ec.SECP384R1(),
    "ES512": ec.SECP521R1(),
}


@dataclass(frozen=True, slots=True)
class SigningKey:
    kid: str
    algorithm: str
    private: AllowedPrivateKeys

    @property
    def jwk(self) -> dict[str, Any]:
        """The public half, as issuers publish it."""
        return self._published(self.private.public_key())

    @property
    def private_jwk(self) -> dict[str, Any]:
        """Both halves, as no issuer should publish them."""
        return self._published(self.private)

    def _published(self, key: AllowedPrivateKeys | AllowedPublicKeys) -> dict[str, Any]:
        algorithm: Any = get_default_algorithms()[self.algorithm]
        members = algorithm.to_jwk(key, as_dict=True)
        return {**members, "kid": self.kid, "alg": self.algorithm, "use": "sig"}


@cache
def signing_key(kid: str, algorithm: str = "RS256") -> SigningKey:
    """The same key for the same words: RSA keys are dear."""
    return SigningKey(kid, algorithm, _private(algorithm))


def _private(algorithm: str) -> AllowedPrivateKeys:
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm])
    return rsa.generate_private_key(65537, 2048)


def forged(
    header: Mapping[str, Any], claims: Mapping[str, Any], sign: Callable[[bytes], bytes]
) -> str:
    """A token that no honest library makes."""
    said = ".".join(_base64(json.dumps(each).encode()) for each in (header, claims))
    return f"{said}.{_base64(sign(said.encode()))}"


def _base64(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


class Issuer:
    """Publishes `keys` and signs with the last of them."""

    def __init__(self, url: str, clock: Callable[[], int]) -> None:
        self.url = url
        self.keys = [signing_key("first")]
        self.discovery: Any = {"issuer": url, "jwks_uri": url + JWKS}
        #: what is published in place of the keys
        self.jwks: Any = None
        #: what is sent in place of any answer; nothing hangs up
        self.instead: bytes | None = None
        #: answers wait for this
        self.open = asyncio.Event()
        self.open.set()
        self.reached = asyncio.Event()
        #: how often each path was asked for
        self.asked: Counter[str] = Counter()
        self._clock = clock

    def rotate(self, kid: str, algorithm: str = "RS256") -> None:
        """Publish a new key in place of the old ones."""
        self.keys = [signing_key(kid, algorithm)]

    def claims(self, **changes: Any) -> dict[str, Any]:
        """What a good token says, with changes."""
        now = self._clock() // 1000
        good = {"iss": self.url, "aud": AUDIENCE, "sub": "u1", "iat": now, "exp": now + 300}
        return {name: value for name, value in (good | changes).items() if value is not None}

    def token(
        self, *, key: SigningKey | None = None, header: Mapping[str, Any] = {}, **changes: Any
    ) -> str:
        """A token of these claims, signed by this issuer unless a key is given.

        What is changed to None in the header or the claims is left out.
        """
        by = key or self.keys[-1]
        headers = {k: v for k, v in {"kid": by.kid, **header}.items() if v is not None}
        return jwt.encode(self.claims(**changes), by.private, by.algorithm, headers=headers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split()[1].decode()
            self.asked[path] += 1
            self.reached.set()
            await self.open.wait()
            writer.write(self._answer(path) if self.instead is None else self.instead)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _answer(self, path: str) -> bytes:
        if path == DISCOVERY:
            return http(self.discovery)
        if path == JWKS:
            return http(self.jwks or {"keys": [key.jwk for key in self.keys]})
        return http({}, "404 Not Found")


def http(content: Any, status: str = "200 OK", header: str = "accept: json") -> bytes:
    """An answer of JSON, or of these very bytes."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    head = f"HTTP/1.1 {status}\r\n{header}\r\ncontent-length: {len(body)}\r\n"
    return f"{head}connection: close\r\n\r\n".encode() + body


@asynccontextmanager
async def running_issuer(clock: Callable[[], int]) -> AsyncIterator[Issuer]:
    """An issuer on a free port."""
    issuer: Issuer
    server = await asyncio.start_server(lambda *ends: issuer.serve(*ends), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    issuer = Issuer(f"http://127.0.0.1:{port}", clock)
    async with server:
        yield issuer
        issuer.open.set()
