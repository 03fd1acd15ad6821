"""Servers that ask who calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.cli.conftest import Call, objects

Start = Callable[..., Any]


@pytest.mark.parametrize("command", ["serve", "api"])
def test_a_server_for_everybody_does_not_start_without_saying_who_may_call(
    call: Call, data_dir: Path, command: str
) -> None:
    ended = call(command, "--host", "0.0.0.0", "--port", "0")
    assert ended.exit_code == 2
    assert "--auth tokens" in ended.stderr and "Traceback" not in ended.stderr
    assert not (data_dir / "chaingraph.db").exists()


def test_a_token_made_on_the_command_line_opens_the_server(
    call: Call,
    program: Start,
) -> None:
    (token,) = objects(call("tokens", "create", "--user", "ann", "--json").stdout)
    with program("serve", "--port", "0", "--auth", "tokens") as server:
        address = server.wait_for_line("http://").split()[-1]
        assert flows(address, token["token"]) == []
        with pytest.raises(HTTPError) as refused:
            flows(address, "cg_nonsense")
        with refused.value:
            assert refused.value.code == 401
        listed = call("executions", "list", "--flow", "x", "--server", address)
        assert listed.exit_code != 0 and "caller is not known" in listed.stderr


def flows(address: str, token: str) -> Any:
    request = Request(f"{address}/api/v1/flows", headers={"authorization": f"Bearer {token}"})
    with urlopen(request) as answer:
        return json.load(answer)["flows"]
