"""The processes that stay: `serve`, or its two halves, `api` and `worker`."""

from __future__ import annotations

import socket
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from chaingraph.cli.options import command
from chaingraph.cli.server import answer, listening
from chaingraph.settings import Settings

if TYPE_CHECKING:
    from chaingraph.engine.catalog import Catalog
    from chaingraph.modes import House

Host = Annotated[str | None, typer.Option("--host", help="Address (CHAINGRAPH_HOST).")]
Port = Annotated[
    int | None, typer.Option("--port", help="0 takes a free one (CHAINGRAPH_PORT).", max=65535)
]
Auth = Annotated[
    str | None,
    typer.Option(
        "--auth", metavar="WAYS", help="tokens, oidc, module:name, or off (CHAINGRAPH_AUTH)."
    ),
]
HealthPort = Annotated[
    int | None,
    typer.Option("--health-port", help="0 takes a free one (CHAINGRAPH_HEALTH_PORT).", max=65535),
]


def add_to(app: typer.Typer) -> None:
    for each in (serve, api, worker):
        command(app, each.__name__)(each)


async def serve(
    settings: Settings, host: Host = None, port: Port = None, auth: Auth = None
) -> None:
    """Answer clients and continue everything that is unfinished, until Ctrl-C or SIGTERM."""
    settings = _guarded(settings, host, auth)
    with listening(settings.host, _chosen(port, settings.port)) as listener:
        from chaingraph.modes import load_catalog

        async with _house(settings, load_catalog(settings)) as house, house.working():
            await _answer_clients(house, listener, "ChainGraph executor")


async def api(settings: Settings, host: Host = None, port: Port = None, auth: Auth = None) -> None:
    """Answer clients only; workers run the executions. Needs no code of your nodes."""
    settings = _guarded(settings, host, auth)
    with listening(settings.host, _chosen(port, settings.port)) as listener:
        from chaingraph.nodes import builtin_catalog

        async with _house(settings, builtin_catalog()) as house:
            await _answer_clients(house, listener, "ChainGraph API")


async def worker(settings: Settings, host: Host = None, health_port: HealthPort = None) -> None:
    """Run executions only; the port tells whether it lives."""
    with listening(host or settings.host, _chosen(health_port, settings.health_port)) as listener:
        from chaingraph.api.health import build_health_app
        from chaingraph.modes import load_catalog

        async with _house(settings, load_catalog(settings)) as house, house.working():
            await answer(build_health_app(house.ready), listener, "ChainGraph worker, health")


def _guarded(settings: Settings, host: str | None, auth: str | None) -> Settings:
    """The settings with what was given here. Raises BadInput for a door that would stand open."""
    from chaingraph.modes.identity import chosen_ways

    auth = settings.auth if auth is None else auth
    guarded = replace(settings, host=host or settings.host, auth=auth)
    chosen_ways(guarded)
    return guarded


def _chosen(given: int | None, otherwise: int) -> int:
    return otherwise if given is None else given


def _house(settings: Settings, catalog: Catalog) -> AbstractAsyncContextManager[House]:
    from chaingraph.modes import open_house

    return open_house(settings, catalog, patience=settings.startup_seconds)


async def _answer_clients(house: House, listener: socket.socket, announcement: str) -> None:
    from chaingraph.api.app import build_app
    from chaingraph.api.farewell import Farewell
    from chaingraph.modes.identity import open_gate

    farewell = Farewell()
    async with open_gate(house) as gate:
        app = build_app(
            house.service,
            gate=gate,
            origins=house.settings.origins,
            only_here=gate.is_open and not house.settings.auth,
            method_override=house.settings.method_override,
            ready=house.ready,
            farewell=farewell,
        )
        await answer(app, listener, announcement, farewell)
