"""The client for programs without an event loop: it keeps one in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from concurrent.futures import Future
from contextlib import ExitStack
from functools import partial, wraps
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from anyio.from_thread import start_blocking_portal

from chaingraph.client.asynchronous import AsyncClient

P = ParamSpec("P")
T = TypeVar("T")


def _waiting(
    method: Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Client, P], T]:
    """The method, called in the client's thread; the caller waits for its result."""

    @wraps(method)
    def call(client: Client, /, *args: P.args, **named: P.kwargs) -> T:
        return client._wait(partial(method, client._client, *args, **named))

    return call


def _iterating(
    method: Callable[Concatenate[AsyncClient, P], AsyncGenerator[T]],
) -> Callable[Concatenate[Client, P], Generator[T]]:
    """The method, whose values the caller waits for one by one."""

    @wraps(method)
    def each(client: Client, /, *args: P.args, **named: P.kwargs) -> Generator[T]:
        steps = _Steps(method(client._client, *args, **named))
        try:
            while found := client._wait(steps.next):
                yield from found
        finally:
            if not client._is_closed:
                client._wait(steps.close)

    return each


class Client:
    """As `AsyncClient`, but each call returns when it is done, and streams are iterators.

    May be used by any number of threads. Close it, or use it in `with`.
    """

    def __init__(self, url: str, token: str | None = None, *, timeout: float = 30.0) -> None:
        self._client = AsyncClient(url, token, timeout=timeout)
        self._is_closed = False
        self._open = ExitStack()
        self._portal = self._open.enter_context(start_blocking_portal(name="chaingraph client"))
        # Whoever still waits in another thread is not waited for.
        self._open.callback(self._portal.call, self._portal.stop, True)
        self._open.callback(self._portal.call, self._client.close)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give up all connections, and the thread."""
        self._is_closed = True
        self._open.close()

    create = _waiting(AsyncClient.create)
    fork = _waiting(AsyncClient.fork)
    retry = _waiting(AsyncClient.retry)
    start = _waiting(AsyncClient.start)
    stop = _waiting(AsyncClient.stop)
    pause = _waiting(AsyncClient.pause)
    resume = _waiting(AsyncClient.resume)
    step = _waiting(AsyncClient.step)
    set_breakpoints = _waiting(AsyncClient.set_breakpoints)
    signal = _waiting(AsyncClient.signal)
    details = _waiting(AsyncClient.details)
    tree = _waiting(AsyncClient.tree)
    roots = _waiting(AsyncClient.roots)
    share = _waiting(AsyncClient.share)
    shares = _waiting(AsyncClient.shares)
    unshare = _waiting(AsyncClient.unshare)
    run = _waiting(AsyncClient.run)
    follow = _iterating(AsyncClient.follow)
    follow_tree = _iterating(AsyncClient.follow_tree)

    def _wait(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        future: Future[T] = self._portal.start_task_soon(call)
        try:
            return future.result()
        finally:
            future.cancel()  # whoever was interrupted does not want it any more


class _Steps(Generic[T]):
    """A generator that is driven from another thread, one step at a time."""

    def __init__(self, values: AsyncGenerator[T]) -> None:
        self._values = values
        self._turn = asyncio.Lock()
        self._step: asyncio.Task[Any] | None = None

    async def next(self) -> list[T]:
        """The next value, or none at the end."""
        async with self._turn:
            self._step = asyncio.current_task()
            try:
                async for value in self._values:
                    return [value]
                return []
            finally:
                self._step = None

    async def close(self) -> None:
        if self._step is not None:
            self._step.cancel()  # who asked for it was interrupted before it could wait
        async with self._turn:
            await self._values.aclose()
