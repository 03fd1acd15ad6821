"""How a server comes to know its callers, from the settings to the door."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chaingraph.api.identity.credentials import Credentials
from chaingraph.api.identity.visitor import OPEN_GATE
from chaingraph.errors import BadInput
from chaingraph.execution.principals import Principal
from chaingraph.modes import open_memory_house
from chaingraph.modes.identity import chosen_ways, open_gate
from chaingraph.settings import Settings


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_on_this_machine_nobody_is_asked(host: str) -> None:
    assert chosen_ways(Settings(host=host)) == ()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "flows.example", ""])
def test_elsewhere_a_server_that_asks_nobody_is_refused(host: str) -> None:
    with pytest.raises(BadInput, match="--auth tokens"):
        chosen_ways(Settings(host=host))


@pytest.mark.parametrize(
    ("said", "ways"),
    [
        ({"auth": "off"}, ()),
        ({"auth": "tokens"}, ("tokens",)),
        ({"auth": "oidc, tokens"}, ("oidc", "tokens")),
        ({"oidc_issuer": "https://login.example"}, ("tokens", "oidc")),
    ],
)
def test_what_is_said_counts_on_every_address(said: dict[str, str], ways: tuple[str, ...]) -> None:
    for host in ("127.0.0.1", "0.0.0.0"):
        assert chosen_ways(replace(Settings(host=host), **said)) == ways  # type: ignore[arg-type]


async def known_by_name(credentials: Credentials) -> Principal | None:
    return Principal("ann") if credentials.token == "it is me" else None


async def opened(**settings: Any) -> Principal | None:
    """Who "it is me" is at a server with these settings."""
    async with open_memory_house(settings=Settings(**settings)) as house, open_gate(house) as gate:
        return await gate.authenticate(Credentials({"token": "it is me"}))


async def test_a_function_of_somebodys_own_knows_callers() -> None:
    assert await opened(auth=f"tokens,{__name__}:known_by_name") == Principal("ann")
    assert await opened(auth="tokens") is None


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"auth": "passwords"}, "none of tokens, oidc and off"),
        ({"auth": "no_such_module:know"}, "no_such_module"),
        ({"auth": f"{__name__}:nobody"}, "nobody"),
        ({"auth": "oidc"}, "CHAINGRAPH_OIDC_AUDIENCE"),
        ({"auth": "tokens", "rate_limit": "often"}, "often"),
    ],
)
async def test_settings_that_do_not_fit_are_refused_at_the_start(
    said: dict[str, str], why: str
) -> None:
    with pytest.raises(BadInput, match=why):
        await opened(**said)


async def test_a_gate_that_is_off_is_open_and_others_count_calls() -> None:
    for said, limited in (("off", False), ("tokens", True)):
        settings = Settings(auth=said)
        async with open_memory_house(settings=settings) as house, open_gate(house) as gate:
            assert (gate is OPEN_GATE) is not limited
            assert (gate.rate is not None) is limited
    async with (
        open_memory_house(settings=Settings(auth="tokens", rate_limit="off")) as house,
        open_gate(house) as gate,
    ):
        assert gate.rate is None
