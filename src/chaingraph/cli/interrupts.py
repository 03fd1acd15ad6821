"""What Ctrl-C means while an execution runs here."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager

from chaingraph.cli.problems import note


class Interrupts:
    """Ctrl-C stops the execution; a second one, or SIGTERM, leaves it as it is."""

    def __init__(self, stop: Callable[[], Coroutine[None, None, None]]) -> None:
        self._stop = stop
        self._stopping = False
        #: the work was cancelled by a signal
        self.leaving = False

    @contextmanager
    def caught(self, tasks: asyncio.TaskGroup) -> Iterator[None]:
        """While entered, signals come here; leaving cancels the task that entered."""
        loop, here = asyncio.get_running_loop(), asyncio.current_task()
        assert here is not None

        def leave() -> None:
            self.leaving = True
            here.cancel()

        def interrupted() -> None:
            if self._stopping:
                leave()
                return
            self._stopping = True
            note("Stopping; press Ctrl-C again to leave the execution as it is")
            tasks.create_task(self._stop())

        loop.add_signal_handler(signal.SIGINT, interrupted)
        loop.add_signal_handler(signal.SIGTERM, leave)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            loop.remove_signal_handler(signal.SIGTERM)
