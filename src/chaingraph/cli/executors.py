"""The executor that a command talks to: on the database of this machine, or a server elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, TypeAlias, TypeVar

from chaingraph.cli.problems import note
from chaingraph.client import AsyncClient, Execution
from chaingraph.errors import BadInput
from chaingraph.execution.principals import LOCAL, Principal
from chaingraph.execution.records import ExecutionRow
from chaingraph.execution.service import Service
from chaingraph.modes import House, open_house
from chaingraph.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")

#: Seconds that a person waits for a server that does not answer; one that restarts is back by then.
TIMEOUT = 5.0


def _as_local(
    method: Callable[Concatenate[Service, Principal, P], Awaitable[T]],
) -> Callable[Concatenate[Local, P], Awaitable[T]]:
    def call(local: Local, /, *args: P.args, **named: P.kwargs) -> Awaitable[T]:
        return method(local.house.service, LOCAL, *args, **named)

    return call


@dataclass(frozen=True, slots=True)
class Local:
    """The executor on a database, called as a client is."""

    house: House

    create = _as_local(Service.create)
    fork = _as_local(Service.fork)
    retry = _as_local(Service.retry)
    start = _as_local(Service.start)
    stop = _as_local(Service.stop)
    pause = _as_local(Service.pause)
    resume = _as_local(Service.resume)
    step = _as_local(Service.step)
    set_breakpoints = _as_local(Service.set_breakpoints)
    signal = _as_local(Service.signal)
    details = _as_local(Service.details)
    tree = _as_local(Service.tree)
    roots = _as_local(Service.roots)


Executor: TypeAlias = Local | AsyncClient


@asynccontextmanager
async def executor_of(settings: Settings) -> AsyncIterator[Executor]:
    """The server of the settings if one is named there, else the database."""
    if settings.server:
        async with server_of(settings) as client:
            yield client
    else:
        async with open_house(settings) as house:
            yield Local(house)


def server_of(settings: Settings) -> AsyncClient:
    """The server that is named in the settings."""
    return AsyncClient(settings.server, settings.token or None, timeout=TIMEOUT)


def house_for_inputs(executor: Executor) -> House:
    """Where the flow is that tells what `--input` means. Raises BadInput for a server."""
    if isinstance(executor, Local):
        return executor.house
    raise BadInput("--input needs the flow with its ports, which a server does not send")


async def warn_without_worker(executor: Executor, row: ExecutionRow | Execution) -> None:
    """Tell when nobody will read what was sent to an execution; of a server it is not known."""
    if not isinstance(executor, Local) or row.status.is_terminal:
        return
    if not await executor.house.has_live_worker():
        note(
            "Warning: no worker is running. The command is kept and takes effect with "
            f"`chaingraph serve` or `chaingraph run --continue {row.id}`."
        )
