"""How long, and how often, a server is asked that does not answer."""

from __future__ import annotations

import asyncio
import random
import time

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0


class Patience:
    """Pauses that grow, until `seconds` have passed since the first failure."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.renew()

    def renew(self) -> None:
        """The server answers; whatever comes next is a first failure."""
        self._pause = FIRST_PAUSE
        self._failing_since: float | None = None

    async def spend(self, error: Exception) -> None:
        """Return when it is time to try again. Raises the error when there is no time left."""
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        if now + self._pause > self._failing_since + self._seconds:
            raise error
        # Clients that lost the same server do not come back all at once.
        await asyncio.sleep(self._pause * random.uniform(0.5, 1))
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
