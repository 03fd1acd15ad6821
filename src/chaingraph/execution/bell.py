"""The bell inside one process."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class LocalRing:
    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def set(self) -> None:
        self._rung.set()

    def clear(self) -> None:
        self._rung.clear()

    async def wait(self, patience: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._rung.wait()


class LocalBell:
    """Rings reach the listeners of this process at once. Used on the event loop only."""

    def __init__(self) -> None:
        self._rings: defaultdict[str, set[LocalRing]] = defaultdict(set)

    def ring(self, key: str) -> None:
        for ring in self._rings.get(key, ()):
            ring.set()

    def ring_all(self) -> None:
        """Something happened, and nobody knows to whom."""
        for rings in self._rings.values():
            for ring in rings:
                ring.set()

    @contextmanager
    def listen(self, key: str) -> Iterator[LocalRing]:
        ring = LocalRing()
        self._rings[key].add(ring)
        try:
            yield ring
        finally:
            self._rings[key].discard(ring)
            if not self._rings[key]:
                del self._rings[key]
