"""Users and their accounts on the command line."""

from __future__ import annotations

from tests.cli.conftest import Call, objects


def test_users_are_listed_with_their_accounts(call: Call) -> None:
    call("users", "add", "ann")
    call("users", "add", "bob", "--role", "admin")
    assert call("users", "link", "ann", "hub", "a-1").stdout == "a-1 at hub is ann\n"
    assert objects(call("users", "list", "--json").stdout) == [
        {
            "id": "ann",
            "role": "user",
            "accounts": [{"provider": "hub", "externalId": "a-1"}],
        },
        {"id": "bob", "role": "admin", "accounts": []},
    ]
    assert call("users", "list").stdout.splitlines()[1:] == ["ann\tuser\thub:a-1", "bob\tadmin\t"]


def test_a_known_user_gets_another_role(call: Call) -> None:
    for role in ("admin", "guest"):
        call("users", "add", "ann", "--role", role)
    assert [each["role"] for each in objects(call("users", "list", "--json").stdout)] == ["guest"]


def test_an_account_has_one_user_until_it_is_unlinked(call: Call) -> None:
    for user in ("ann", "bob"):
        call("users", "add", user)
    call("users", "link", "ann", "hub", "a-1")
    taken = call("users", "link", "bob", "hub", "a-1")
    assert (taken.exit_code, "belongs to another user" in taken.stderr) == (2, True)
    assert call("users", "unlink", "hub", "a-1").exit_code == 0
    assert call("users", "unlink", "hub", "a-1").exit_code == 2
    assert call("users", "link", "bob", "hub", "a-1").exit_code == 0


def test_who_is_not_there_or_is_nothing_that_there_is_gets_a_sentence(call: Call) -> None:
    unknown = call("users", "link", "ann", "hub", "a-1")
    assert (unknown.exit_code, "User with id ann not found" in unknown.stderr) == (2, True)
    assert call("users", "add", "ann", "--role", "king").exit_code == 2
