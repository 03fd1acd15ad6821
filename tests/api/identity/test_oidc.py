"""Whom the tokens of an issuer make known, and which of them nobody believes."""

from __future__ import annotations

import hmac
import logging
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chaingraph.api.identity.credentials import Credentials
from chaingraph.api.identity.jwks import FRESH_MS, PAUSE_MS
from chaingraph.api.identity.oidc import MAX_TOKEN_LENGTH, OidcAuthentication, claimed_role
from chaingraph.errors import StoreUnavailable
from chaingraph.execution.identity import Account, User
from chaingraph.execution.memory_identity import MemoryAccounts
from chaingraph.execution.principals import ALL_SCOPES, Principal, Role
from tests.api.identity.issuer import (
    AUDIENCE,
    DISCOVERY,
    JWKS,
    Issuer,
    SigningKey,
    forged,
    running_issuer,
    signing_key,
)
from tests.laboratory import Clock

RSA = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
CURVES = ["ES256", "ES384", "ES512", "EdDSA"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def issuer(clock: Clock) -> AsyncIterator[Issuer]:
    async with running_issuer(clock) as running:
        yield running


@pytest.fixture
def accounts() -> MemoryAccounts:
    return MemoryAccounts()


@pytest.fixture
async def oidc(
    issuer: Issuer, accounts: MemoryAccounts, clock: Clock
) -> AsyncIterator[OidcAuthentication]:
    async with OidcAuthentication(issuer.url, AUDIENCE, accounts=accounts, clock=clock) as oidc:
        yield oidc


def bearing(token: str) -> Credentials:
    return Credentials(authorization=f"Bearer {token}")


@pytest.mark.parametrize("algorithm", RSA + CURVES)
async def test_a_token_of_each_asymmetric_algorithm_is_believed(
    issuer: Issuer, oidc: OidcAuthentication, algorithm: str
) -> None:
    issuer.rotate(algorithm, algorithm)
    expected = Principal("oidc:u1", Role.USER, frozenset(), ALL_SCOPES)
    assert await oidc(bearing(issuer.token())) == expected


def unsigned(issuer: Issuer) -> str:
    return forged({"alg": "none", "kid": "first"}, issuer.claims(), lambda said: b"")


def signed_with_the_public_key(issuer: Issuer) -> str:
    public = issuer.keys[0].private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "kid": "first"}
    return forged(header, issuer.claims(), lambda said: hmac.digest(pem, said, sha256))


def tampered(issuer: Issuer) -> str:
    head, _, signature = issuer.token().split(".")
    _, payload, _ = issuer.token(sub="root").split(".")
    return f"{head}.{payload}.{signature}"


def unsigned_after_all(issuer: Issuer) -> str:
    return issuer.token().rpartition(".")[0] + "."


def with_its_own_key(issuer: Issuer) -> str:
    stranger = signing_key("stranger")
    return issuer.token(key=stranger, header={"kid": "first", "jwk": stranger.jwk})


def with_its_own_address_of_keys(issuer: Issuer) -> str:
    stranger = signing_key("stranger")
    return issuer.token(key=stranger, header={"jku": issuer.url + "/stranger", "kid": "stranger"})


def of_another_key_under_our_kid(issuer: Issuer) -> str:
    return issuer.token(key=signing_key("stranger"), header={"kid": "first"})


def of_another_algorithm_than_the_keys(issuer: Issuer) -> str:
    return issuer.token(key=signing_key("first", "PS256"))


def saying(**changes: Any) -> Callable[[Issuer], str]:
    return lambda issuer: issuer.token(**changes)


def at(**seconds: int) -> Callable[[Issuer], str]:
    """A token whose times are so far from now."""

    def token(issuer: Issuer) -> str:
        now = issuer.claims()["iat"]
        return issuer.token(**{claim: now + each for claim, each in seconds.items()})

    return token


REFUSED: dict[str, tuple[Callable[[Issuer], str], str]] = {
    "alg none": (unsigned, "no key"),
    "HS256 with the public key": (signed_with_the_public_key, "no key"),
    "other audience": (saying(aud="elsewhere"), "Audience"),
    "other audiences": (saying(aud=["elsewhere", "chain"]), "Audience"),
    "no audience": (saying(aud=None), "aud"),
    "expired": (at(exp=-30), "expired"),
    "no expiry": (saying(exp=None), "exp"),
    "expiry is no number": (saying(exp="never"), "exp"),
    "expiry is not a number": (saying(exp=float("nan")), "expired"),
    "not yet valid": (at(nbf=31), "not valid yet"),
    "issued in the future": (at(iat=31), "not valid yet"),
    "no subject": (saying(sub=None), "sub"),
    "empty subject": (saying(sub=""), "subject"),
    "tampered": (tampered, "Signature"),
    "signature taken off": (unsigned_after_all, "Signature"),
    "unknown kid": (lambda issuer: issuer.token(header={"kid": "unknown"}), "no key"),
    "key of another": (of_another_key_under_our_kid, "Signature"),
    "embedded jwk": (with_its_own_key, "Signature"),
    "embedded jku": (with_its_own_address_of_keys, "no key"),
    "other algorithm": (of_another_algorithm_than_the_keys, "no key"),
}


@pytest.mark.parametrize(("forge", "reason"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_wrong_token_of_our_issuer_is_refused_and_the_log_says_why(
    issuer: Issuer,
    oidc: OidcAuthentication,
    caplog: pytest.LogCaptureFixture,
    forge: Callable[[Issuer], str],
    reason: str,
) -> None:
    token = forge(issuer)
    with caplog.at_level(logging.INFO, "chaingraph.api.identity"):
        assert await oidc(bearing(token)) is None
    [line] = caplog.messages
    assert reason in line
    assert not any(part in line for part in token.split(".") if part)
    assert set(issuer.asked) <= {DISCOVERY, JWKS}
    assert await oidc(bearing(issuer.token())) is not None


async def test_a_key_that_can_be_broken_proves_nothing(
    issuer: Issuer, oidc: OidcAuthentication, caplog: pytest.LogCaptureFixture
) -> None:
    weak = rsa.generate_private_key(65537, 1024)
    issuer.keys = [SigningKey("weak", "RS256", weak)]
    token = forged(
        {"alg": "RS256", "kid": "weak"},
        issuer.claims(),
        lambda said: weak.sign(said, PKCS1v15(), SHA256()),
    )
    with caplog.at_level(logging.INFO, "chaingraph.api.identity"):
        assert await oidc(bearing(token)) is None
    assert "1024 bits" in caplog.text


NOT_OURS: dict[str, Callable[[Issuer], str]] = {
    "other issuer": saying(iss="https://elsewhere.example"),
    "issuer with a slash": lambda issuer: issuer.token(iss=issuer.url + "/"),
    "no issuer": saying(iss=None),
    "no JWT": lambda issuer: "cg_abc_def",
    "two parts": lambda issuer: issuer.token().rpartition(".")[0],
    "four parts": lambda issuer: issuer.token() + ".more",
    "no base64": lambda issuer: "ä.ö.ü",
    "half a character": lambda issuer: "\ud800.\ud800.\ud800",
    "no objects": lambda issuer: forged([], [], lambda said: b"x"),  # type: ignore[arg-type]
    "deep": lambda issuer: urlsafe_b64encode(b"[" * 9_000).decode().rstrip("=") + ".e30.e30",
    "too long": saying(padding="x" * MAX_TOKEN_LENGTH),
    "nothing": lambda issuer: "",
}


@pytest.mark.parametrize("forge", NOT_OURS.values(), ids=NOT_OURS.keys())
async def test_what_is_no_token_of_our_issuer_is_left_to_others(
    issuer: Issuer,
    oidc: OidcAuthentication,
    caplog: pytest.LogCaptureFixture,
    forge: Callable[[Issuer], str],
) -> None:
    with caplog.at_level(logging.INFO, "chaingraph.api.identity"):
        assert await oidc(Credentials({"sessionBadAI": forge(issuer)})) is None
    assert caplog.messages == []
    assert not issuer.asked


@pytest.mark.parametrize(
    "forge",
    [
        at(exp=-29),
        at(nbf=30, iat=30),
        saying(iat=None),
        saying(aud=["elsewhere", AUDIENCE]),
        lambda issuer: issuer.token(header={"kid": None}),
    ],
    ids=["leeway after", "leeway before", "no iat", "one of several audiences", "no kid"],
)
async def test_what_is_odd_but_right_is_believed(
    issuer: Issuer, oidc: OidcAuthentication, forge: Callable[[Issuer], str]
) -> None:
    assert await oidc(bearing(forge(issuer))) is not None


async def test_a_token_dies_with_time(
    issuer: Issuer, oidc: OidcAuthentication, clock: Clock
) -> None:
    token = issuer.token()
    clock.move(329_999)
    assert await oidc(bearing(token)) is not None
    clock.move(1)
    assert await oidc(bearing(token)) is None


async def test_keys_rotate(issuer: Issuer, oidc: OidcAuthentication, clock: Clock) -> None:
    old = issuer.token(exp=clock() // 1000 + 3600)
    assert await oidc(bearing(old)) is not None
    issuer.rotate("second", "ES256")
    clock.move(PAUSE_MS)
    assert await oidc(bearing(issuer.token())) is not None
    assert await oidc(bearing(old)) is None


async def test_known_keys_go_on_without_the_issuer(
    issuer: Issuer, oidc: OidcAuthentication, clock: Clock
) -> None:
    assert await oidc(bearing(issuer.token())) is not None
    issuer.instead = b""
    clock.move(FRESH_MS)
    assert await oidc(bearing(issuer.token())) is not None


async def test_without_any_keys_it_cannot_be_known_who_calls(
    issuer: Issuer, oidc: OidcAuthentication
) -> None:
    issuer.instead = b""
    with pytest.raises(StoreUnavailable, match="does not answer"):
        await oidc(bearing(issuer.token()))


async def test_a_linked_account_is_its_user(
    issuer: Issuer, oidc: OidcAuthentication, accounts: MemoryAccounts
) -> None:
    await accounts.add_user(User("USalice", Role.AGENT))
    await accounts.link(Account("USalice", "oidc", "u1"))
    await accounts.link(Account("USalice", "archai", "alice"))
    aliases = frozenset({"oidc:u1", "u1", "archai:alice", "alice"})
    expected = Principal("USalice", Role.AGENT, aliases)
    assert await oidc(bearing(issuer.token())) == expected
    assert await oidc(bearing(issuer.token(role="janitor"))) == expected
    named = await oidc(bearing(issuer.token(role="guest")))
    assert named == Principal("USalice", Role.GUEST, aliases)


async def test_an_account_of_another_provider_is_somebody_else(
    issuer: Issuer, accounts: MemoryAccounts, clock: Clock
) -> None:
    await accounts.add_user(User("USalice", Role.ADMIN))
    await accounts.link(Account("USalice", "oidc", "u1"))
    async with OidcAuthentication(
        issuer.url, AUDIENCE, accounts=accounts, clock=clock, provider="work"
    ) as work:
        expected = Principal("work:u1", Role.USER)
        assert await work(bearing(issuer.token())) == expected


@pytest.mark.parametrize("taken", ["u1", "local", "4711", "archai:4711"])
async def test_a_stranger_owns_nothing_of_the_user_whose_name_its_subject_is(
    issuer: Issuer, oidc: OidcAuthentication, accounts: MemoryAccounts, taken: str
) -> None:
    await accounts.add_user(User("u1", Role.USER))
    await accounts.link(Account("u1", "archai", "4711"))
    caller = await oidc(bearing(issuer.token(sub=taken)))
    assert caller is not None and caller.user_id == f"oidc:{taken}"
    assert not caller.may_use(taken)


@pytest.mark.parametrize(
    ("claim", "said", "role"),
    [
        ("role", {}, None),
        ("role", {"role": "admin"}, Role.ADMIN),
        ("role", {"role": "Admin"}, None),
        ("role", {"role": ["guest", "agent", "janitor"]}, Role.AGENT),
        ("role", {"role": ["user", ["admin"], {"admin": 1}]}, Role.USER),
        ("role", {"role": {"admin": True}}, None),
        ("realm_access.roles", {"realm_access": {"roles": ["agent", "admin"]}}, Role.ADMIN),
        ("realm_access.roles", {"realm_access": ["admin"]}, None),
        ("https://a.example/roles", {"https://a.example/roles": ["guest"]}, Role.GUEST),
    ],
)
def test_the_mightiest_known_role_of_a_claim_counts(
    claim: str, said: dict[str, Any], role: Role | None
) -> None:
    assert claimed_role(said, claim) == role


async def test_the_claim_of_roles_can_be_chosen(
    issuer: Issuer, accounts: MemoryAccounts, clock: Clock
) -> None:
    async with OidcAuthentication(
        issuer.url, AUDIENCE, accounts=accounts, clock=clock, role_claim="realm_access.roles"
    ) as oidc:
        principal = await oidc(bearing(issuer.token(realm_access={"roles": ["admin"]})))
    assert principal is not None
    assert principal.role == Role.ADMIN
