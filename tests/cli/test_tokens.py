"""Tokens on the command line: printed once, listed without their texts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from chaingraph.execution.identity import hash_of, token_id
from chaingraph.modes import open_house
from chaingraph.settings import Settings
from tests.cli.conftest import Call, objects


def test_a_token_alone_is_on_stdout_and_is_not_shown_again(call: Call) -> None:
    made = call("tokens", "create", "--user", "ann")
    text = made.stdout.strip()
    own_id = token_id(text)
    assert own_id is not None
    assert "not shown again" in made.stderr
    secret = text.rpartition("_")[2]
    assert secret not in made.stderr
    for words in ((), ("--json",)):
        listed = call("tokens", "list", *words).stdout
        assert own_id in listed
        assert secret not in listed
        assert hash_of(text).hex() not in listed


def test_a_token_has_what_it_was_made_with(call: Call) -> None:
    words = ("--role", "agent", "--scope", "read", "--scope", "run", "--expires", "30d")
    made = call("tokens", "create", "--user", "ann", *words, "--name", "ci", "--json")
    (token,) = objects(made.stdout)
    created, expires = (datetime.fromisoformat(token[name]) for name in ("createdAt", "expiresAt"))
    assert expires - created == timedelta(days=30)
    told = (token["userId"], token["role"], token["scopes"], token["name"])
    assert told == ("ann", "agent", ["read", "run"], "ci")
    text = token.pop("token")
    assert token_id(text) == token["id"]
    assert objects(call("tokens", "list", "--json").stdout) == [token]


@pytest.mark.parametrize(("words", "role"), [((), "user"), (("--role", "agent"), "agent")])
def test_who_gets_a_token_is_a_user(call: Call, words: tuple[str, ...], role: str) -> None:
    call("tokens", "create", "--user", "ann", *words)
    assert roles(call) == {"ann": role}
    assert call("users", "link", "ann", "hub", "a-1").exit_code == 0


def test_a_token_changes_nothing_about_a_known_user(call: Call) -> None:
    call("users", "add", "ann", "--role", "guest")
    call("tokens", "create", "--user", "ann", "--role", "admin")
    assert roles(call) == {"ann": "guest"}


def roles(call: Call) -> dict[str, str]:
    return {each["id"]: each["role"] for each in objects(call("users", "list", "--json").stdout)}


def test_a_token_is_kept_for_the_server_that_will_be_shown_it(call: Call, data_dir: Path) -> None:
    text = call("tokens", "create", "--user", "ann").stdout.strip()

    async def kept() -> bytes:
        async with open_house(Settings(data_dir=data_dir)) as house:
            found = await house.tokens.find(token_id(text) or "")
            assert found is not None
            return found[1]

    assert asyncio.run(kept()) == hash_of(text)


@pytest.mark.parametrize("named", [lambda text: token_id(text), lambda text: text])
def test_a_token_is_revoked_by_its_id_or_as_a_whole(
    call: Call, named: Callable[[str], str]
) -> None:
    text = call("tokens", "create", "--user", "ann").stdout.strip()
    revoked = call("tokens", "revoke", named(text))
    assert revoked.stdout == f"Token {token_id(text)} is revoked\n"
    (row,) = call("tokens", "list").stdout.splitlines()[1:]
    assert row.split("\t")[4] == "revoked"


def test_what_is_no_token_is_not_revoked_and_not_repeated(call: Call) -> None:
    unknown = call("tokens", "revoke", "x")
    assert (unknown.exit_code, "Token with id x not found" in unknown.stderr) == (2, True)
    cut = call("tokens", "revoke", "cg_aaaaaaaaaaaa_secret")
    assert (cut.exit_code, "secret" in cut.stderr) == (2, False)


@pytest.mark.parametrize("expires", ["0s", "36501d", "soon"])
def test_a_life_that_is_none_is_bad_input(call: Call, data_dir: Path, expires: str) -> None:
    assert call("tokens", "create", "--user", "ann", "--expires", expires).exit_code == 2
    assert not data_dir.exists()


def test_a_share_is_for_one_execution_and_a_week(call: Call, sum_file: Path) -> None:
    flow = objects(call("flows", "import", sum_file, "--json").stdout)[0]
    execution_id = objects(call("executions", "create", flow["id"], "--json").stdout)[0]["id"]
    (share,) = objects(call("tokens", "share", execution_id, "--json").stdout)
    assert (share["executionId"], share["role"], share["scopes"]) == (
        execution_id,
        "guest",
        ["read"],
    )
    life = datetime.fromisoformat(share["expiresAt"]) - datetime.fromisoformat(share["createdAt"])
    assert life == timedelta(days=7)
    assert call("tokens", "share", "EXnone").exit_code == 2
