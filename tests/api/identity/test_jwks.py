"""The keys of an issuer: how long they live, and what an issuer cannot be made to suffer."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from chaingraph.api.identity import jwks
from chaingraph.api.identity.jwks import (
    FRESH_MS,
    LAST_GOOD_MS,
    MAX_BYTES,
    PAUSE_MS,
    IssuerKeys,
    verifying_key,
)
from chaingraph.errors import StoreUnavailable
from tests.api.identity.issuer import DISCOVERY, JWKS, Issuer, http, running_issuer, signing_key
from tests.laboratory import Clock

RSA_JWK = signing_key("first").jwk
EC_JWK = signing_key("curve", "ES256").jwk


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def issuer(clock: Clock) -> AsyncIterator[Issuer]:
    async with running_issuer(clock) as running:
        yield running


@pytest.fixture
async def keys(issuer: Issuer, clock: Clock) -> AsyncIterator[IssuerKeys]:
    keys = IssuerKeys(issuer.url, clock=clock)
    yield keys
    await keys.close()


async def knows(keys: IssuerKeys, kid: str | None) -> bool:
    return await keys.find(kid, "RS256") is not None


async def fetched(keys: IssuerKeys) -> None:
    """Return when the keys were asked for: only who brings an unknown one waits for that."""
    assert not await knows(keys, "made-up")


async def test_keys_are_found_by_discovery(issuer: Issuer, keys: IssuerKeys) -> None:
    found = await keys.find("first", "RS256")
    assert found is not None
    assert found.public == signing_key("first").private.public_key()
    assert issuer.asked == {DISCOVERY: 1, JWKS: 1}


async def test_a_given_url_needs_no_discovery(issuer: Issuer, clock: Clock) -> None:
    keys = IssuerKeys(issuer.url, issuer.url + JWKS, clock=clock)
    assert await knows(keys, "first")
    assert issuer.asked == {JWKS: 1}
    await keys.close()


async def test_keys_are_kept_for_ten_minutes(
    issuer: Issuer, keys: IssuerKeys, clock: Clock
) -> None:
    assert await knows(keys, "first")
    clock.move(FRESH_MS - 1)
    assert await knows(keys, "first")
    assert issuer.asked[JWKS] == 1
    clock.move(1)
    assert await knows(keys, "first")
    await fetched(keys)
    assert issuer.asked[JWKS] == 2


async def test_a_new_key_is_fetched_when_it_is_met(
    issuer: Issuer, keys: IssuerKeys, clock: Clock
) -> None:
    assert await knows(keys, "first")
    issuer.rotate("second")
    clock.move(PAUSE_MS)
    assert await knows(keys, "second")


async def test_a_key_that_is_withdrawn_ends_with_its_freshness(
    issuer: Issuer, keys: IssuerKeys, clock: Clock
) -> None:
    assert await knows(keys, "first")
    issuer.rotate("second")
    clock.move(FRESH_MS)
    assert await knows(keys, "first")  # nobody waits for what is known
    await fetched(keys)
    assert not await knows(keys, "first")


async def test_made_up_kids_reach_the_issuer_once_in_ten_seconds(
    issuer: Issuer, keys: IssuerKeys, clock: Clock
) -> None:
    assert await knows(keys, "first")
    clock.move(PAUSE_MS)
    assert not any([await knows(keys, f"made-up-{number}") for number in range(20)])
    assert issuer.asked[JWKS] == 2
    clock.move(PAUSE_MS - 1)
    assert not await knows(keys, "made-up")
    assert issuer.asked[JWKS] == 2
    clock.move(1)
    assert not await knows(keys, "made-up")
    assert issuer.asked[JWKS] == 3


async def test_a_clock_that_is_set_back_does_not_make_keys_eternal(
    issuer: Issuer, keys: IssuerKeys, clock: Clock
) -> None:
    assert await knows(keys, "first")
    issuer.rotate("second")
    clock.move(-FRESH_MS)
    assert await knows(keys, "second")


async def test_a_thundering_herd_fetches_once(issuer: Issuer, keys: IssuerKeys) -> None:
    issuer.open.clear()
    async with asyncio.TaskGroup() as herd:
        tasks = [herd.create_task(knows(keys, "first")) for _ in range(50)]
        await issuer.reached.wait()
        issuer.open.set()
    assert all(task.result() for task in tasks)
    assert issuer.asked == {DISCOVERY: 1, JWKS: 1}


async def test_a_caller_that_goes_away_leaves_the_keys_to_the_others(
    issuer: Issuer, keys: IssuerKeys
) -> None:
    issuer.open.clear()
    first = asyncio.create_task(keys.find("first", "RS256"))
    await issuer.reached.wait()
    second = asyncio.create_task(keys.find("first", "RS256"))
    first.cancel()
    await asyncio.wait([first])
    issuer.open.set()
    assert first.cancelled()
    assert await second is not None
    assert issuer.asked == {DISCOVERY: 1, JWKS: 1}


async def test_the_last_good_keys_go_on_for_a_day_without_the_issuer(
    issuer: Issuer, keys: IssuerKeys, clock: Clock
) -> None:
    assert await knows(keys, "first")
    issuer.instead = b""
    clock.move(LAST_GOOD_MS - 1)
    assert await knows(keys, "first")
    assert not await knows(keys, "unknown")
    clock.move(1)
    with pytest.raises(StoreUnavailable, match="does not answer"):
        await knows(keys, "first")
    issuer.instead = None
    clock.move(PAUSE_MS)
    assert await knows(keys, "first")


async def test_an_issuer_that_is_away_is_asked_once_in_ten_seconds(
    issuer: Issuer, keys: IssuerKeys, clock: Clock
) -> None:
    issuer.instead = b""
    for _ in range(5):
        with pytest.raises(StoreUnavailable):
            await knows(keys, "first")
    assert issuer.asked[DISCOVERY] == 1


KEYS = json.dumps({"keys": [RSA_JWK]}).encode()
FAULTS = {
    "hangs up": b"",
    "is no HTTP": b"hello\r\n\r\n",
    "fails": http(KEYS, "500 Internal Server Error"),
    "is no JSON": http(KEYS[:-1]),
    "is no object": http([RSA_JWK]),
    "is no set of keys": http({"keys": "none"}),
    "is too large": http(KEYS + b" " * MAX_BYTES),
    "is compressed": http(gzip.compress(KEYS), header="content-encoding: gzip"),
}


@pytest.mark.parametrize("answer", FAULTS.values(), ids=FAULTS.keys())
async def test_a_bad_answer_gives_no_keys(issuer: Issuer, clock: Clock, answer: bytes) -> None:
    keys = IssuerKeys(issuer.url, issuer.url + JWKS, clock=clock)
    issuer.instead = answer
    with pytest.raises(StoreUnavailable, match="does not answer"):
        await knows(keys, "first")
    issuer.instead = http(KEYS)
    clock.move(PAUSE_MS)
    assert await knows(keys, "first")
    await keys.close()


async def test_redirects_are_not_followed(issuer: Issuer, clock: Clock) -> None:
    issuer.instead = http({}, "302 Found", f"location: {issuer.url}{JWKS}")
    keys = IssuerKeys(issuer.url, issuer.url + "/moved", clock=clock)
    with pytest.raises(StoreUnavailable):
        await knows(keys, "first")
    assert issuer.asked == {"/moved": 1}
    await keys.close()


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://elsewhere.example"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": "file:///etc/keys"},
    ],
    ids=str,
)
async def test_a_discovery_that_is_not_ours_gives_no_keys(
    issuer: Issuer, keys: IssuerKeys, change: dict[str, Any]
) -> None:
    issuer.discovery |= change
    with pytest.raises(StoreUnavailable):
        await knows(keys, "first")
    assert issuer.asked == {DISCOVERY: 1}


async def test_an_issuer_over_https_cannot_send_us_to_http(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def answer(self: IssuerKeys, url: str) -> dict[str, Any]:
        asked.append(url)
        return {"issuer": "https://id.example", "jwks_uri": "http://id.example/keys"}

    monkeypatch.setattr(IssuerKeys, "_get", answer)
    keys = IssuerKeys("https://id.example", clock=clock)
    with pytest.raises(StoreUnavailable):
        await knows(keys, "first")
    assert asked == ["https://id.example" + DISCOVERY]
    await keys.close()


async def test_a_slow_issuer_is_given_up(
    issuer: Issuer, keys: IssuerKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "TIMEOUT_SECONDS", 0.05)
    issuer.open.clear()
    with pytest.raises(StoreUnavailable):
        await knows(keys, "first")


async def test_an_issuer_that_hangs_holds_up_no_known_key(
    issuer: Issuer, keys: IssuerKeys, clock: Clock
) -> None:
    assert await knows(keys, "first")
    issuer.reached.clear()
    issuer.open.clear()
    clock.move(FRESH_MS)
    async with asyncio.timeout(1):
        assert await knows(keys, "first")
        await issuer.reached.wait()
        assert await knows(keys, "first")
    unknown = asyncio.create_task(knows(keys, "second"))
    issuer.rotate("second")
    issuer.open.set()
    assert await unknown
    assert issuer.asked[JWKS] == 2


async def test_closing_ends_a_fetch(issuer: Issuer, clock: Clock) -> None:
    issuer.open.clear()
    keys = IssuerKeys(issuer.url, clock=clock)
    call = asyncio.create_task(keys.find("first", "RS256"))
    await issuer.reached.wait()
    await keys.close()
    await asyncio.wait([call])
    assert call.cancelled()


async def test_useless_members_do_not_spoil_the_set(issuer: Issuer, keys: IssuerKeys) -> None:
    issuer.jwks = {"keys": [None, {"kty": "oct", "k": "c2VjcmV0"}, {"kty": "RSA"}, RSA_JWK]}
    assert await knows(keys, "first")


async def test_without_a_kid_only_the_one_key_that_fits_is_meant(
    issuer: Issuer, keys: IssuerKeys, clock: Clock
) -> None:
    issuer.keys = [signing_key("first"), signing_key("curve", "ES256")]
    assert await knows(keys, None)
    issuer.keys = [signing_key("first"), signing_key("second")]
    clock.move(FRESH_MS)
    await fetched(keys)
    assert not await knows(keys, None)


@pytest.mark.parametrize(
    ("jwk", "algorithms"),
    [
        (RSA_JWK, ("RS256",)),
        ({**RSA_JWK, "alg": "PS512"}, ("PS512",)),
        ({k: v for k, v in RSA_JWK.items() if k != "alg"}, jwks._RSA),
        (EC_JWK, ("ES256",)),
        ({k: v for k, v in EC_JWK.items() if k != "use"}, ("ES256",)),
        (signing_key("edwards", "EdDSA").jwk, ("EdDSA",)),
    ],
)
def test_a_key_verifies_what_its_owner_says(jwk: Any, algorithms: tuple[str, ...]) -> None:
    key = verifying_key(jwk)
    assert key is not None
    assert key.algorithms == algorithms


MISUSED: dict[str, Any] = {
    "symmetric": {"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"},
    "for HMAC": {**RSA_JWK, "alg": "HS256"},
    "for nothing": {**RSA_JWK, "alg": "none"},
    "for another family": {**RSA_JWK, "alg": "ES256"},
    "for encryption": {**RSA_JWK, "use": "enc"},
    "private": signing_key("first").private_jwk,
    "number of another type": {**RSA_JWK, "n": 5},
    "no number": {"kty": "RSA", "e": "AQAB"},
    "another curve": {**EC_JWK, "crv": "P-384"},
    "short": {**EC_JWK, "x": "AQAB"},
    "type of another type": {"kty": ["RSA"]},
    "no object": "RSA",
}


@pytest.mark.parametrize("jwk", MISUSED.values(), ids=MISUSED.keys())
def test_a_key_that_could_be_misused_is_left_out(jwk: Any) -> None:
    assert verifying_key(jwk) is None
