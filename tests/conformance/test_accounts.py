"""The users, their accounts elsewhere, and the ids of owners that mean them."""

from __future__ import annotations

import asyncio

import pytest

from chaingraph.errors import AccountTaken, UserNotFound
from chaingraph.execution.identity import Account, User
from tests.conformance.backends import Backend

ANN, BOB = User("ann", "user"), User("bob", "admin")
AT_HUB, AT_CHAIN = Account("ann", "hub", "a-1"), Account("ann", "chain", "0xa")


@pytest.fixture(autouse=True)
async def two_users(backend: Backend) -> None:
    for user in (BOB, ANN):
        await backend.accounts.add_user(user)


async def test_a_user_is_found_by_its_id_and_by_its_accounts(backend: Backend) -> None:
    await backend.accounts.link(AT_HUB)
    assert await backend.accounts.user("ann") == ANN
    assert await backend.accounts.user("cid") is None
    assert await backend.accounts.user_of("hub", "a-1") == ANN
    for stranger in (("hub", "a-2"), ("chain", "a-1")):
        assert await backend.accounts.user_of(*stranger) is None


async def test_a_user_that_is_added_again_has_its_new_role_and_its_accounts(
    backend: Backend,
) -> None:
    await backend.accounts.link(AT_HUB)
    await backend.accounts.add_user(User("ann", "guest"))
    assert await backend.accounts.user_of("hub", "a-1") == User("ann", "guest")
    assert await backend.accounts.user("bob") == BOB


async def test_an_account_means_its_user_with_and_without_its_provider(backend: Backend) -> None:
    assert await backend.accounts.aliases("ann") == frozenset()
    await backend.accounts.link(AT_HUB)
    await backend.accounts.link(AT_CHAIN)
    await backend.accounts.link(Account("bob", "hub", "b-1"))
    assert await backend.accounts.aliases("ann") == {"hub:a-1", "a-1", "chain:0xa", "0xa"}
    assert await backend.accounts.aliases("nobody") == frozenset()


async def test_a_bare_id_that_two_users_have_means_neither(backend: Backend) -> None:
    await backend.accounts.link(AT_HUB)
    await backend.accounts.link(Account("bob", "chain", "a-1"))
    assert await backend.accounts.aliases("ann") == {"hub:a-1"}
    assert await backend.accounts.aliases("bob") == {"chain:a-1"}
    await backend.accounts.unlink("chain", "a-1")
    assert await backend.accounts.aliases("ann") == {"hub:a-1", "a-1"}


async def test_a_bare_id_that_one_user_has_twice_means_that_user(backend: Backend) -> None:
    await backend.accounts.link(AT_HUB)
    await backend.accounts.link(Account("ann", "chain", "a-1"))
    assert await backend.accounts.aliases("ann") == {"hub:a-1", "chain:a-1", "a-1"}


async def test_a_bare_id_does_not_make_one_user_another(backend: Backend) -> None:
    await backend.accounts.link(Account("ann", "hub", "bob"))
    assert await backend.accounts.aliases("ann") == {"hub:bob"}
    await backend.accounts.link(Account("ann", "hub", "ann"))
    assert await backend.accounts.aliases("ann") == {"hub:bob", "hub:ann", "ann"}


async def test_an_account_is_linked_once(backend: Backend) -> None:
    await backend.accounts.link(AT_HUB)
    await backend.accounts.link(AT_HUB)
    with pytest.raises(AccountTaken, match="a-1 at hub"):
        await backend.accounts.link(Account("bob", "hub", "a-1"))
    assert await backend.accounts.user_of("hub", "a-1") == ANN
    assert await backend.accounts.aliases("bob") == frozenset()


async def test_of_two_users_that_link_an_account_at_once_one_has_it(backend: Backend) -> None:
    links = [backend.accounts.link(Account(user, "hub", "x")) for user in ("ann", "bob") * 4]
    outcomes = await asyncio.gather(*links, return_exceptions=True)
    assert [type(each) for each in outcomes].count(AccountTaken) == 4
    assert outcomes.count(None) == 4


async def test_a_user_has_to_be_there_before_its_accounts(backend: Backend) -> None:
    with pytest.raises(UserNotFound, match="cid"):
        await backend.accounts.link(Account("cid", "hub", "c-1"))
    assert await backend.accounts.user_of("hub", "c-1") is None


async def test_an_account_is_unlinked_once_and_then_free(backend: Backend) -> None:
    await backend.accounts.link(AT_HUB)
    assert await backend.accounts.unlink("hub", "a-1")
    assert not await backend.accounts.unlink("hub", "a-1")
    await backend.accounts.link(Account("bob", "hub", "a-1"))
    assert await backend.accounts.user_of("hub", "a-1") == BOB


async def test_the_list_has_every_user_with_its_accounts(backend: Backend) -> None:
    await backend.accounts.link(AT_HUB)
    await backend.accounts.link(AT_CHAIN)
    assert list(await backend.accounts.list()) == [(ANN, [AT_CHAIN, AT_HUB]), (BOB, [])]
