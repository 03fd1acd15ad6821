"""The vault: seals secrets with the first of its keys, opens them with any."""

from __future__ import annotations

import binascii
import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

from chaingraph.errors import BadInput, SecretKeyMissing, SecretUnreadable
from chaingraph.flow.ports import Json
from chaingraph.flow.secrets import Sealed

if TYPE_CHECKING:
    from chaingraph.execution.seals import SealKey

KEY_BYTES = 32


class KeyVault:
    """See `engine.seams.Vault`. `find_keys` is asked when the first secret comes."""

    def __init__(self, find_keys: Callable[[], Sequence[bytes]]) -> None:
        self._find_keys = find_keys

    def seal(self, value: Json, owner: str) -> Sealed:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"))
        return self._keys[0].seal(text.encode(), owner)

    def open(self, sealed: Sealed, owner: str) -> Json:
        from chaingraph.execution.seals import Unopened

        for key in self._keys:
            try:
                return json.loads(key.open(sealed, owner))
            except Unopened:
                continue
        raise SecretUnreadable(
            "it was sealed with a key that is not here, or for another owner, or it is damaged"
        )

    @cached_property
    def _keys(self) -> tuple[SealKey, ...]:
        from chaingraph.execution.seals import SealKey  # slow to import, and seldom needed

        found = tuple(map(SealKey, self._find_keys()))
        if not found:
            raise SecretKeyMissing
        return found


NO_KEYS: Final = KeyVault(tuple)
"""Opens nothing and seals nothing."""


def new_key() -> str:
    return urlsafe_b64encode(os.urandom(KEY_BYTES)).decode()


def read_keys(text: str) -> tuple[bytes, ...]:
    """The keys in a text, separated by commas. Raises BadInput, which does not show them."""
    parts = (part.strip() for part in text.split(","))
    return tuple(_key(number, part) for number, part in enumerate(parts, 1) if part)


def _key(number: int, text: str) -> bytes:
    try:
        key = urlsafe_b64decode(text)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise BadInput(f"Secret key {number} is none: `chaingraph secrets new-key` prints one")
    return key
