"""How the callers of a server become known, as the settings say it."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_address
from typing import Final

from chaingraph.api.identity.credentials import Authenticate, first_of
from chaingraph.api.identity.oidc import OidcAuthentication
from chaingraph.api.identity.rates import Rate
from chaingraph.api.identity.tokens import TokenAuthentication
from chaingraph.api.identity.visitor import OPEN_GATE, Gate
from chaingraph.errors import BadInput
from chaingraph.modes.house import House
from chaingraph.settings import Settings

OFF: Final = "off"


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach the address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def chosen_ways(settings: Settings) -> tuple[str, ...]:
    """The ways in which callers become known; none means that nobody is asked.

    Raises BadInput where everybody could reach a server that asks nobody.
    """
    chosen = settings.auth or ("tokens,oidc" if settings.oidc_issuer else "")
    if chosen == OFF or (not chosen and is_loopback(settings.host)):
        return ()
    if chosen:
        return tuple(each.strip() for each in chosen.split(",") if each.strip())
    raise BadInput(
        f"On {settings.host} everybody who reaches this machine could call this server, as its "
        "admin. Say how callers become known: --auth tokens (CHAINGRAPH_AUTH), for which "
        "`chaingraph tokens create` makes tokens; or --auth off if nobody else can reach it"
    )


@asynccontextmanager
async def open_gate(house: House) -> AsyncIterator[Gate]:
    """Who is let in to the server of this house. Raises BadInput for settings that do not fit."""
    ways = chosen_ways(house.settings)
    if not ways:
        yield OPEN_GATE
        return
    limit = house.settings.rate_limit
    async with AsyncExitStack() as stack:
        known = [await _way(name, house, stack) for name in ways]
        yield Gate(first_of(*known), None if limit == OFF else Rate(limit))


async def _way(name: str, house: House, stack: AsyncExitStack) -> Authenticate:
    match name:
        case "tokens":
            return TokenAuthentication(house.tokens, house.accounts, house.clock)
        case "oidc":
            return await stack.enter_async_context(_oidc(house))
    return _own_way(name)


def _oidc(house: House) -> OidcAuthentication:
    settings = house.settings
    if not (settings.oidc_issuer and settings.oidc_audience):
        raise BadInput("OIDC needs CHAINGRAPH_OIDC_ISSUER and CHAINGRAPH_OIDC_AUDIENCE")
    return OidcAuthentication(
        settings.oidc_issuer,
        settings.oidc_audience,
        jwks_url=settings.oidc_jwks,
        role_claim=settings.oidc_role_claim,
        provider=settings.oidc_provider,
        accounts=house.accounts,
        clock=house.clock,
    )


def _own_way(name: str) -> Authenticate:
    """A function of somebody's module, written `module:name`."""
    module, _, attribute = name.partition(":")
    try:
        if not attribute:
            raise ValueError("it is none of tokens, oidc and off, and not written module:name")
        way: Authenticate = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise BadInput(f"Callers cannot become known by {name!r}: {error}") from error
    return way
