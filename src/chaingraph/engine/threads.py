"""Sync bodies in threads that may be left behind.

A thread cannot be stopped, so nobody waits for it: its node ends at once on stop or time-out, a
late result is dropped, and the threads are daemons that do not keep the process alive.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Threads that run bodies at the same time in this process; further bodies wait.
MAX_THREADS = 32
_slots = threading.BoundedSemaphore(MAX_THREADS)


async def run_in_thread(call: Callable[[], T], *, name: str) -> T:
    """The result of `call`, made in a daemon thread. Cancelling leaves the thread behind."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def succeed(result: T) -> None:
        if not future.done():
            future.set_result(result)

    def fail(error: Exception) -> None:
        if not future.done():
            future.set_exception(error)

    def work() -> None:
        with _slots, contextlib.suppress(RuntimeError):  # a closed loop: nobody waits any more
            if future.done():  # it was cancelled while it waited for its turn
                return
            try:
                result = call()
            except BaseException as error:
                loop.call_soon_threadsafe(fail, _passable(error))
            else:
                loop.call_soon_threadsafe(succeed, result)

    threading.Thread(target=work, name=f"body-{name}", daemon=True).start()
    return await future


def _passable(error: BaseException) -> Exception:
    """The error in a form that a future takes and that does not end the process."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    wrapped = RuntimeError(f"the body raised {error!r}")
    wrapped.__cause__ = error
    return wrapped
