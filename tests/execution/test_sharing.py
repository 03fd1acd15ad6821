"""Shares: given out by owners, for one execution, for some time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chaingraph.errors import BadInput, ExecutionNotFound, Forbidden, TokenNotFound
from chaingraph.execution.identity import hash_of, new_token
from chaingraph.execution.principals import LOCAL, Principal, Scope
from chaingraph.execution.sharing import MAX_SHARES, Sharing
from tests.conformance.backends import Backend, memory_backend
from tests.conformance.steps import new_execution

DAY_MS = 24 * 60 * 60 * 1000
ANN, BOB = Principal("ann"), Principal("bob")


@pytest.fixture
async def backend() -> Backend:
    backend = memory_backend()
    for execution_id in ("EX1", "EX2"):
        await backend.journal.create(new_execution(backend, execution_id, owner_id="ann"))
    return backend


@pytest.fixture
def sharing(backend: Backend) -> Sharing:
    return Sharing(backend.journal, backend.tokens, backend.clock)


async def test_a_share_watches_its_execution_and_does_nothing_else(
    sharing: Sharing, backend: Backend
) -> None:
    token, text = await sharing.share(ANN, "EX1", name="for cid")
    assert await backend.tokens.find(token.id) == (token, hash_of(text))
    assert (token.user_id, token.name) == (f"share:{token.id}", "for cid")
    bearer = token.principal(frozenset())
    assert bearer.may_watch("EX1", "ann")
    assert not bearer.may_watch("EX2", "ann")
    assert [scope for scope in Scope if bearer.may(scope)] == [Scope.READ]


@pytest.mark.parametrize(("life", "days"), [(None, 7), (timedelta(days=365), 365)])
async def test_a_share_ends(
    sharing: Sharing, backend: Backend, life: timedelta | None, days: int
) -> None:
    token, _ = await sharing.share(ANN, "EX1", expires_in=life)
    assert token.expires_at == backend.clock() + days * DAY_MS
    assert await sharing.shares(ANN, "EX1") == [token]
    backend.clock.move(days * DAY_MS)
    assert await sharing.shares(ANN, "EX1") == []


@pytest.mark.parametrize("life", [timedelta(0), timedelta(days=-1), timedelta(days=365, seconds=1)])
async def test_a_share_that_never_lives_or_for_too_long_is_refused(
    sharing: Sharing, backend: Backend, life: timedelta
) -> None:
    with pytest.raises(BadInput, match="at most 365 days"):
        await sharing.share(ANN, "EX1", expires_in=life)
    assert await backend.tokens.list() == []


async def test_shares_are_those_of_the_execution_newest_first(
    sharing: Sharing, backend: Backend
) -> None:
    first, _ = await sharing.share(ANN, "EX1")
    backend.clock.move(1)
    second, _ = await sharing.share(LOCAL, "EX1")
    await sharing.share(ANN, "EX2")
    assert await sharing.shares(ANN, "EX1") == [second, first]


async def test_a_share_that_is_taken_back_is_good_for_nothing(
    sharing: Sharing, backend: Backend
) -> None:
    token, _ = await sharing.share(ANN, "EX1")
    await sharing.unshare(ANN, "EX1", token.id)
    assert await sharing.shares(ANN, "EX1") == []
    found = await backend.tokens.find(token.id)
    assert found is not None and not found[0].is_good(backend.clock())


async def test_what_is_no_share_of_the_execution_is_not_taken_back(
    sharing: Sharing, backend: Backend
) -> None:
    elsewhere, _ = await sharing.share(ANN, "EX2")
    own, text = new_token("ann", created_at=backend.clock())
    await backend.tokens.add(own, hash_of(text))
    for token_id in (elsewhere.id, own.id, "none"):
        with pytest.raises(TokenNotFound):
            await sharing.unshare(ANN, "EX1", token_id)
    assert all(each.is_good(backend.clock()) for each in await backend.tokens.list())


async def test_only_the_owner_shares(sharing: Sharing) -> None:
    token, _ = await sharing.share(ANN, "EX1")
    for stranger in (BOB, token.principal(frozenset())):
        with pytest.raises(Forbidden):
            await sharing.share(stranger, "EX1")
        with pytest.raises(Forbidden):
            await sharing.shares(stranger, "EX1")
        with pytest.raises(Forbidden):
            await sharing.unshare(stranger, "EX1", token.id)
    assert await sharing.shares(Principal("x", aliases=frozenset({"ann"})), "EX1") == [token]


async def test_what_does_not_exist_is_not_shared(sharing: Sharing) -> None:
    with pytest.raises(ExecutionNotFound):
        await sharing.share(LOCAL, "EX3")
    with pytest.raises(ExecutionNotFound):
        await sharing.shares(ANN, "EX3")


async def test_an_execution_has_no_more_shares_than_can_be_overseen(sharing: Sharing) -> None:
    first, _ = await sharing.share(ANN, "EX1")
    for _ in range(MAX_SHARES - 1):
        await sharing.share(ANN, "EX1")
    with pytest.raises(BadInput, match="take some back"):
        await sharing.share(ANN, "EX1")
    await sharing.share(ANN, "EX2")
    await sharing.unshare(ANN, "EX1", first.id)
    await sharing.share(ANN, "EX1")
