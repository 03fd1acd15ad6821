"""The bell inside one process."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class LocalRing:
    def __init__(self, rings: defaultdict[str, set[LocalRing]] | None = None) -> None:
        self._rings = defaultdict(set) if rings is None else rings
        self._keys: set[str] = set()
        self._rung = asyncio.Event()
        self._news: set[str] = set()

    def add(self, key: str) -> None:
        self._rings[key].add(self)
        self._keys.add(key)

    def drop(self, key: str) -> None:
        self._keys.discard(key)
        self._rings[key].discard(self)
        if not self._rings[key]:
            del self._rings[key]

    def leave(self) -> None:
        for key in tuple(self._keys):
            self.drop(key)

    def hear(self, key: str) -> None:
        self._news.add(key)
        self._rung.set()

    def clear(self) -> None:
        self._rung.clear()

    def take(self) -> set[str]:
        self._rung.clear()
        taken, self._news = self._news, set()
        return taken

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
            ring.hear(key)

    def ring_all(self) -> None:
        """Something happened, and nobody knows to whom."""
        for key, rings in self._rings.items():
            for ring in rings:
                ring.hear(key)

    @contextmanager
    def listen(self, *keys: str) -> Iterator[LocalRing]:
        ring = LocalRing(self._rings)
        for key in keys:
            ring.add(key)
        try:
            yield ring
        finally:
            ring.leave()
