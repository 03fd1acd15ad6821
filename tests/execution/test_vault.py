from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chaingraph.errors import BadInput, SecretKeyMissing, SecretUnreadable
from chaingraph.execution.seals import SealKey
from chaingraph.execution.vault import NO_KEYS, KeyVault, new_key, read_keys
from chaingraph.flow.secrets import FIELDS, is_sealed

OLD, NEW = bytes(32), bytes(range(32))
PLAIN = "sk-very-secret"


def vault(*keys: bytes) -> KeyVault:
    return KeyVault(lambda: keys)


@pytest.mark.parametrize(
    "value",
    [
        *({name: PLAIN for name in names} for names in FIELDS.values()),
        {"apiKey": "a", "secretKey": "b", "passphrase": "ä€😀\n\ud800"},
        {"nested": [1, None, True, 1.5, "x"]},
        "x" * 100_000,
    ],
    ids=str,
)
def test_what_is_sealed_opens_as_it_was(value: Any) -> None:
    sealed = vault(OLD).seal(value, "ann")
    assert is_sealed(sealed)
    assert vault(OLD).open(sealed, "ann") == value


def test_the_form_is_that_of_the_wire() -> None:
    key = SealKey(OLD)
    sealed = {name: b64decode(part) for name, part in key.seal(b"text", "ann").items()}
    point = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), sealed["publicKey"])
    shared = key._private.exchange(ECDH(), point)
    derived = HKDF(SHA256(), 32, sealed["hkdfNonce"], b"").derive(shared)
    iv, rest = sealed["encrypted"][:12], sealed["encrypted"][12:]
    assert AESGCM(derived).decrypt(iv, rest, b"chaingraph secret of ann") == b"text"


def test_the_same_value_of_the_same_owner_has_the_same_seal() -> None:
    assert vault(OLD).seal({"a": "1", "b": "2"}, "ann") == vault(OLD).seal(
        {"b": "2", "a": "1"}, "ann"
    )
    seals = [
        vault(OLD).seal("x", "ann"),
        vault(OLD).seal("y", "ann"),
        vault(OLD).seal("x", "bob"),
        vault(NEW).seal("x", "ann"),
    ]
    for part in ("encrypted", "hkdfNonce", "publicKey"):
        assert len({each[part] for each in seals}) == 4


def test_another_owner_cannot_open_it() -> None:
    sealed = vault(OLD).seal(PLAIN, "ann")
    with pytest.raises(SecretUnreadable, match="for another owner") as caught:
        vault(OLD).open(sealed, "bob")
    assert PLAIN not in str(caught.value)


@pytest.mark.parametrize("part", ["encrypted", "hkdfNonce", "publicKey"])
def test_what_was_changed_does_not_open(part: str) -> None:
    sealed = vault(OLD).seal(PLAIN, "ann")
    content = b64decode(sealed[part])
    flipped = b64encode(content[:-1] + bytes((content[-1] ^ 1,))).decode()
    for damaged in (flipped, "", "no base64", b64encode(content[:20]).decode()):
        with pytest.raises(SecretUnreadable):
            vault(OLD).open({**sealed, part: damaged}, "ann")


def test_a_new_key_seals_and_the_old_one_still_opens() -> None:
    before = vault(OLD).seal(PLAIN, "ann")
    both = vault(NEW, OLD)
    assert both.open(before, "ann") == PLAIN
    after = both.seal(PLAIN, "ann")
    assert vault(NEW).open(after, "ann") == PLAIN
    with pytest.raises(SecretUnreadable, match="a key that is not here"):
        vault(NEW).open(before, "ann")


def test_without_a_key_the_sentence_says_what_to_do() -> None:
    for use in (lambda: NO_KEYS.seal(PLAIN, "ann"), lambda: NO_KEYS.open({}, "ann")):
        with pytest.raises(SecretKeyMissing, match="CHAINGRAPH_SECRET_KEY"):
            use()


def test_keys_are_asked_for_once_and_only_when_there_is_a_secret() -> None:
    asked: list[int] = []

    def find() -> tuple[bytes, ...]:
        asked.append(1)
        return (OLD,)

    lazy = KeyVault(find)
    assert not asked
    lazy.open(lazy.seal(PLAIN, "ann"), "ann")
    assert asked == [1]


def test_keys_are_read_from_a_text() -> None:
    first, second = new_key(), new_key()
    assert first != second
    (one, two) = read_keys(f"{first}, {second},\n")
    assert len(one) == len(two) == 32
    assert read_keys("") == ()


@pytest.mark.parametrize("text", ["c2hvcnQ=", "no key at all", "ä" * 44])
def test_what_is_no_key_is_named_by_its_place_and_not_shown(text: str) -> None:
    with pytest.raises(BadInput, match="Secret key 2 is none") as caught:
        read_keys(f"{new_key()},{text}")
    assert text not in str(caught.value)
