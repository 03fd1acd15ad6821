"""One key and the seals made with it: ECDH on P-256, HKDF-SHA256, AES-256-GCM.

    encrypted   12 bytes of IV, then ciphertext and tag
    hkdfNonce   the salt of HKDF, whose info is empty
    publicKey   the other half of the key pair, an uncompressed point

The owner goes into the tag: a seal that is copied to another owner's flow does not open there.
Everything that encryption wants to be random is made of the key, the owner and the value. So the
same value has the same seal, and a snapshot its hash; who has no key cannot tell what it is.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    derive_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

#: The number of points of P-256: private keys are below it.
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_SCALAR, _SALT, _IV = 48, 32, 12


class Unopened(Exception):
    """This key does not open the seal, or it is damaged."""


@dataclass(frozen=True)
class SealKey:
    """Seals and opens with a key of 32 random bytes."""

    secret: bytes

    @cached_property
    def _private(self) -> EllipticCurvePrivateKey:
        return _private(_expand(self.secret, b"chaingraph key pair", _SCALAR))

    @cached_property
    def _chance(self) -> bytes:
        return _expand(self.secret, b"chaingraph chance", 32)

    def seal(self, value: bytes, owner: str) -> dict[str, str]:
        bound = _bound(owner)
        drawn = _expand(
            hmac.digest(self._chance, len(bound).to_bytes(8) + bound + value, "sha256"),
            b"chaingraph seal",
            _SCALAR + _SALT + _IV,
        )
        scalar, salt, iv = drawn[:_SCALAR], drawn[_SCALAR:-_IV], drawn[-_IV:]
        ephemeral = _private(scalar)
        key = _shared(ephemeral, self._private.public_key(), salt)
        point = ephemeral.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        encrypted = iv + AESGCM(key).encrypt(iv, value, bound)
        parts = {"encrypted": encrypted, "hkdfNonce": salt, "publicKey": point}
        return {name: b64encode(part).decode() for name, part in parts.items()}

    def open(self, sealed: Mapping[str, str], owner: str) -> bytes:
        """Raises Unopened."""
        try:
            names = ("encrypted", "hkdfNonce", "publicKey")
            encrypted, salt, point = (b64decode(sealed[name], validate=True) for name in names)
            other = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
            key = AESGCM(_shared(self._private, other, salt))
            return key.decrypt(encrypted[:_IV], encrypted[_IV:], _bound(owner))
        except Exception as error:  # what is damaged fails in as many ways as there are parts
            raise Unopened from error


def _bound(owner: str) -> bytes:
    return b"chaingraph secret of " + owner.encode("utf-8", "surrogatepass")


def _private(scalar: bytes) -> EllipticCurvePrivateKey:
    return derive_private_key(int.from_bytes(scalar) % (_ORDER - 1) + 1, SECP256R1())


def _expand(secret: bytes, info: bytes, length: int) -> bytes:
    return HKDFExpand(SHA256(), length, info).derive(secret)


def _shared(mine: EllipticCurvePrivateKey, other: EllipticCurvePublicKey, salt: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, b"").derive(mine.exchange(ECDH(), other))
