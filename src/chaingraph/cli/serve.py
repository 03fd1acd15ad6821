"""`chaingraph serve`: answers clients and runs executions, in one process."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from chaingraph.cli.options import command
from chaingraph.errors import BadInput
from chaingraph.settings import Settings

if TYPE_CHECKING:
    import uvicorn

#: Seconds that clients get to finish when the server ends; executions are handed over anyway.
GRACE = 3


def add_to(app: typer.Typer) -> None:
    command(app, "serve")(serve)


async def serve(
    settings: Settings,
    host: Annotated[str | None, typer.Option("--host", help="Address (CHAINGRAPH_HOST).")] = None,
    port: Annotated[
        int | None, typer.Option("--port", help="0 takes a free one (CHAINGRAPH_PORT).", max=65535)
    ] = None,
) -> None:
    """Answer clients and continue everything that is unfinished, until Ctrl-C or SIGTERM."""
    with _listening(host or settings.host, settings.port if port is None else port) as listener:
        from chaingraph.api.app import build_app
        from chaingraph.modes import open_house

        async with open_house(settings) as house, house.working():
            server = _server(build_app(house.service))
            with _ended_by_signals(server):
                address, number, *_ = listener.getsockname()
                shown = f"[{address}]" if ":" in address else address
                typer.echo(f"ChainGraph executor on http://{shown}:{number}")
                await server.serve(sockets=[listener])


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        reason, *_ = str(error.strerror).partition(" (while")
        raise BadInput(f"Cannot listen on {host}:{port}: {reason}") from None
    with listener:
        yield listener


def _server(app: object) -> uvicorn.Server:
    import uvicorn

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            # uvicorn would raise the signal again and end the process before the hand-over.
            yield

    return Server(
        uvicorn.Config(
            app,  # type: ignore[arg-type]
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=GRACE,
        )
    )


@contextmanager
def _ended_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """A first signal ends the server in order, a second one at once."""
    loop = asyncio.get_running_loop()

    def end() -> None:
        server.force_exit = server.should_exit
        server.should_exit = True

    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, end)
    try:
        yield
    finally:
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)
