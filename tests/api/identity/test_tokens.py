"""Tokens as the doors see them: good, bad, over, and for one execution only."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chaingraph.api.identity.credentials import Credentials
from chaingraph.api.identity.tokens import REMEMBER_SECONDS, TokenAuthentication
from chaingraph.execution.identity import Account, User, hash_of, new_token
from chaingraph.execution.memory_identity import MemoryAccounts, MemoryTokens
from chaingraph.execution.principals import Principal, Role, Scope


class Door:
    """Tokens in memory, an authentication of them, and the time."""

    def __init__(self) -> None:
        self.tokens = MemoryTokens(self.now)
        self.accounts = MemoryAccounts()
        self.ms = 1_000_000
        self.authenticate = TokenAuthentication(
            self.tokens, self.accounts, self.now, lambda: self.ms / 1000
        )

    def now(self) -> int:
        return self.ms

    async def give(self, user: str = "ann", **more: Any) -> tuple[str, str]:
        """The id and the text of a new token."""
        token, text = new_token(user, created_at=self.ms, **more)
        await self.tokens.add(token, hash_of(text))
        return token.id, text

    async def caller(self, text: str) -> Principal | None:
        return await self.authenticate(Credentials({"sessionBadAI": text}))


@pytest.fixture
def door() -> Door:
    return Door()


async def test_a_token_is_its_user_with_its_role_and_scopes(door: Door) -> None:
    _, text = await door.give(role=Role.AGENT, scopes={Scope.READ})
    caller = await door.caller(text)
    assert caller == Principal("ann", "agent", scopes=frozenset({Scope.READ}))


@pytest.mark.parametrize(
    "credentials",
    [
        Credentials({"sessionBadAI": "{}"}),
        Credentials({"token": "{}"}),
        Credentials(authorization="Bearer {}"),
        Credentials(authorization="bearer  {}"),
        Credentials(cookie="theme=dark; session={}; x=y"),
    ],
    ids=["original", "parameter", "bearer", "spaces", "cookie"],
)
async def test_a_token_may_come_in_many_ways(door: Door, credentials: Credentials) -> None:
    _, text = await door.give()
    filled = replace(
        credentials,
        params={key: each.format(text) for key, each in credentials.params.items()},
        authorization=credentials.authorization.format(text),
        cookie=credentials.cookie.format(text),
    )
    caller = await door.authenticate(filled)
    assert caller is not None and caller.user_id == "ann"


async def test_what_is_no_token_of_ours_is_nobody(door: Door) -> None:
    id, text = await door.give()
    secret = text.rpartition("_")[2]
    for wrong in (
        "",
        "cg_",
        text[:-1],
        text + "x",
        f"cg_{id}_{secret[::-1]}",
        "x" * 10_000,
        "\ud800",
    ):
        assert await door.caller(wrong) is None, wrong
    assert await door.authenticate(Credentials()) is None


async def test_a_token_ends_at_its_time_whatever_is_remembered(door: Door) -> None:
    _, text = await door.give(life=timedelta(milliseconds=100))
    assert await door.caller(text) is not None
    door.ms += 100
    assert await door.caller(text) is None


async def test_a_revoked_token_is_nobody_within_seconds(door: Door) -> None:
    id, text = await door.give()
    assert await door.caller(text) is not None
    await door.tokens.revoke(id)
    door.ms += int(REMEMBER_SECONDS * 1000) + 1
    assert await door.caller(text) is None


async def test_what_is_known_is_not_asked_again_for_seconds(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    find = door.tokens.find

    async def counted(id: str) -> Any:
        asked.append(id)
        return await find(id)

    monkeypatch.setattr(door.tokens, "find", counted)
    id, text = await door.give()
    for _ in range(3):
        await door.caller(text)
    assert asked == [id]


async def test_a_user_is_known_under_the_ids_of_its_accounts(door: Door) -> None:
    await door.accounts.add_user(User("ann", "user"))
    await door.accounts.link(Account("ann", "archai", "42"))
    _, text = await door.give()
    caller = await door.caller(text)
    assert caller is not None and caller.may_use("42") and caller.may_use("archai:42")
    assert not caller.may_use("43")


async def test_a_link_is_good_for_a_share_and_for_nothing_else(door: Door) -> None:
    _, own = await door.give()
    _, share = await door.give("share:x", role=Role.GUEST, execution_id="EX1")
    assert await door.authenticate(Credentials(share=own)) is None
    caller = await door.authenticate(Credentials(share=share))
    assert caller is not None and caller.may_watch("EX1", "ann")
    assert not caller.may_watch("EX2", "ann") and not caller.may_use("ann")


async def test_a_link_opens_what_it_shares_to_whoever_is_somebody_already(door: Door) -> None:
    _, own = await door.give("bob")
    _, share = await door.give("share:x", role=Role.GUEST, execution_id="EX1")
    for cookie, user in ((f"session={own}", "bob"), ("session=stale", "share:x")):
        caller = await door.authenticate(Credentials(cookie=cookie, share=share))
        assert caller is not None and caller.user_id == user
        assert caller.may_watch("EX1", "ann") and not caller.may_watch("EX2", "ann")
