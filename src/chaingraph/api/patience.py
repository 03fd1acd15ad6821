"""No caller waits longer than so many seconds for a database that does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import ParamSpec, TypeVar

from chaingraph.errors import StoreUnavailable
from chaingraph.trpc.router import Procedure, Router

P = ParamSpec("P")
T = TypeVar("T")


def bounded(procedures: Router, seconds: float) -> Router:
    """The procedures, each of whose two parts raises StoreUnavailable after so many seconds.

    The values of a subscription may take as long as they like.
    """
    return {name: _bounded(each, seconds) for name, each in procedures.items()}


def _bounded(procedure: Procedure, seconds: float) -> Procedure:
    return replace(
        procedure,
        admit=within(seconds, procedure.admit),
        handle=within(seconds, procedure.handle),
    )


def within(seconds: float, call: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """The call, which raises StoreUnavailable after so many seconds."""

    async def call_within(*args: P.args, **named: P.kwargs) -> T:
        async with _limit(seconds):
            return await call(*args, **named)

    return call_within


@asynccontextmanager
async def _limit(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds) as limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        text = f"The database did not answer within {seconds:g} s; whether it did the work is open"
        raise StoreUnavailable(text) from None
