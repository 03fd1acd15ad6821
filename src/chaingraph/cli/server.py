"""An HTTP server until a signal ends it: listening, announcing, closing in order."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from chaingraph.errors import BadInput

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

    from chaingraph.api.farewell import Farewell

#: Seconds that clients get to finish when the server ends; executions are handed over anyway.
GRACE = 3
#: Seconds that streams get to close after they were told to come back.
FAREWELL_SECONDS = 1.0
#: Bytes of a message over the limit that are read all the same: whoever sends a little too much
#: is told so with 1009, which the end of a connection in mid-message would not let through.
WS_SLACK = 1024 * 1024


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that clients can reach from now on. Raises BadInput."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        reason, *_ = str(error.strerror).partition(" (while")
        raise BadInput(f"Cannot listen on {host}:{port}: {reason}") from None
    with listener:
        # asyncio does this only for sockets that name their protocol; without it small answers
        # wait for the acknowledgement of earlier ones.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


async def answer(
    app: ASGIApp, listener: socket.socket, announcement: str, farewell: Farewell | None = None
) -> None:
    """Announce the address and serve until SIGINT or SIGTERM; a second one ends it at once."""
    server = _server(app, farewell)
    # What is there now stays: the collector need not look through it again and again.
    gc.collect()
    gc.freeze()
    with _ended_by_signals(server):
        typer.echo(f"{announcement} on {_address(listener)}")
        await server.serve(sockets=[listener])


def _address(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _server(app: ASGIApp, farewell: Farewell | None) -> uvicorn.Server:
    import uvicorn

    from chaingraph.trpc.limits import DEFAULT_LIMITS

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            # uvicorn would raise the signal again and end the process before the hand-over.
            yield

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            # First nobody new is let in: who is told to come back shall find another server.
            for each in (*self.servers, *(sockets or ())):
                each.close()
            if farewell is not None:
                await farewell.say(within=FAREWELL_SECONDS)
            await super().shutdown(sockets)

    return Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            ws_max_size=DEFAULT_LIMITS.message + WS_SLACK,
            ws_per_message_deflate=False,  # it costs each subscriber more than it saves
            timeout_graceful_shutdown=GRACE,
        )
    )


@contextmanager
def _ended_by_signals(server: uvicorn.Server) -> Iterator[None]:
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
