"""The tokens that are kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chaingraph.execution.identity import Token, hash_of, new_token
from chaingraph.execution.principals import Scope
from tests.conformance.backends import Backend


async def added(backend: Backend, *, execution_id: str | None = None) -> Token:
    scopes = (Scope.READ, Scope.RUN)
    day, now = timedelta(days=1), backend.clock()
    token, text = new_token(
        "ann", "agent", scopes, created_at=now, life=day, execution_id=execution_id
    )
    await backend.tokens.add(token, hash_of(text))
    return token


async def test_a_token_is_found_again_with_its_hash(backend: Backend) -> None:
    token, text = new_token("änn", created_at=1_700_000_000_123, name="ci ☂")
    await backend.tokens.add(token, hash_of(text))
    assert await backend.tokens.find(token.id) == (token, hash_of(text))
    assert await backend.tokens.find("other") is None
    share = await added(backend, execution_id="EX1")
    found = await backend.tokens.find(share.id)
    assert found is not None and found[0] == share


async def test_a_known_token_stays_as_it_is(backend: Backend) -> None:
    token = await added(backend)
    before = await backend.tokens.find(token.id)
    await backend.tokens.add(replace(token, user_id="bob"), b"other")
    assert await backend.tokens.find(token.id) == before


async def test_the_list_is_newest_first_or_that_of_an_execution(backend: Backend) -> None:
    tokens = []
    for execution_id in (None, "EX1", "EX2", "EX1"):
        tokens.append(await added(backend, execution_id=execution_id))
        backend.clock.move(1)
    assert list(await backend.tokens.list()) == tokens[::-1]
    assert list(await backend.tokens.list("EX1")) == [tokens[3], tokens[1]]
    assert list(await backend.tokens.list("EX3")) == []


async def test_a_token_is_revoked_once_and_for_all(backend: Backend) -> None:
    token, other = await added(backend), await added(backend)
    at = backend.clock()
    assert await backend.tokens.revoke(token.id)
    backend.clock.move(1_000)
    assert await backend.tokens.revoke(token.id)
    assert not await backend.tokens.revoke("none")
    revoked = {each.id: each.revoked_at for each in await backend.tokens.list()}
    assert revoked == {token.id: at, other.id: None}


@pytest.mark.parametrize("hash", [b"", bytes(range(256))])
async def test_a_hash_is_any_bytes(backend: Backend, hash: bytes) -> None:
    token, _ = new_token("ann", created_at=0)
    await backend.tokens.add(token, hash)
    found = await backend.tokens.find(token.id)
    assert found is not None and found[1] == hash
