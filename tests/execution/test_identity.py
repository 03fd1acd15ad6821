"""Tokens: their texts, and whom they let in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chaingraph.execution.identity import hash_of, new_token, token_id
from chaingraph.execution.principals import ALL_SCOPES, Principal, Scope


def test_the_text_names_the_token_and_holds_a_secret_of_its_own() -> None:
    tokens = [new_token("ann", created_at=0) for _ in range(50)]
    assert all(token_id(text) == token.id for token, text in tokens)
    assert {len(text) for _, text in tokens} == {3 + 12 + 1 + 40}
    assert len({text.rpartition("_")[2] for _, text in tokens}) == 50
    assert len({hash_of(text) for _, text in tokens}) == 50


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text + "a",
        lambda text: text + "\n",
        lambda text: " " + text,
        lambda text: text.replace("cg_", "CG_"),
        lambda text: text[:-1] + "0",
        lambda text: "",
        lambda text: "eyJhbGciOiJSUzI1NiJ9.e30.c2ln",
        lambda text: "\udc80\0",
    ],
)
def test_other_texts_are_no_tokens_of_ours(change: object) -> None:
    _, text = new_token("ann", created_at=0)
    changed = change(text)  # type: ignore[operator]
    assert token_id(changed) is None
    assert hash_of(changed) != hash_of(text)


def test_a_token_is_good_until_it_expires_or_is_revoked() -> None:
    forever, _ = new_token("ann", created_at=50)
    token, _ = new_token("ann", created_at=50, life=timedelta(seconds=1))
    assert (token.is_good(1_049), token.is_good(1_050)) == (True, False)
    assert forever.is_good(10**15)
    assert not replace(token, revoked_at=0).is_good(99)


def test_a_token_calls_as_its_user_with_its_own_scopes() -> None:
    token, _ = new_token("ann", "agent", [Scope.READ], created_at=0)
    expected = Principal("ann", "agent", frozenset({"hub:a"}), frozenset({Scope.READ}))
    assert token.principal(frozenset({"hub:a"})) == expected
    whole, _ = new_token("ann", created_at=0)
    assert whole.principal(frozenset()).scopes == ALL_SCOPES


def test_a_share_watches_its_execution_alone() -> None:
    token, _ = new_token("share:x", "guest", [Scope.READ], created_at=0, execution_id="EX1")
    principal = token.principal(frozenset())
    assert principal.may_watch("EX1", "ann")
    assert not principal.may_watch("EX2", "ann")
    assert not principal.may_use("ann")
