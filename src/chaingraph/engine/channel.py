"""Streams between running nodes: an append-only buffer that every reader sees from its start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from chaingraph.errors import ChainGraphError

T = TypeVar("T")


class StreamClosed(ChainGraphError):
    def __init__(self) -> None:
        super().__init__("Cannot send to a closed stream")


class StreamFailed(ChainGraphError):
    """The producer of a stream failed; the items read so far are all there will be."""


class Channel:
    """The value of a stream port. One producer sends, any number of readers iterate.

    `committed` counts the items whose journal entry is kept; readers that have effects wait
    for it (nobody sees what could still be lost).
    """

    __slots__ = ("_changed", "closed", "committed", "error", "items", "on_send", "room")

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.closed = False
        self.error: str | None = None
        self.committed = 0
        #: called with each item before it is kept; returns the item to keep
        self.on_send: Callable[[Any], Any] | None = None
        #: what a producer waits for after each item
        self.room: Callable[[], Awaitable[None]] | None = None
        self._changed: asyncio.Event | None = None

    def send(self, item: Any) -> None:
        """Add an item. Raises StreamClosed after `close`."""
        if self.closed:
            raise StreamClosed()
        self.items.append(item if self.on_send is None else self.on_send(item))
        self._notify()

    def ended(self) -> Channel:
        """A channel with the same items to which nothing will come."""
        same = Channel()
        same.items = self.items
        same.commit(len(self.items))
        same.close(self.error)
        return same

    def restart(self) -> None:
        """The producer begins anew: what an earlier attempt sent does not count."""
        self.items = []
        self.closed = False
        self.error = None
        self.committed = 0

    def extend_to(self, start: int, items: Sequence[Any]) -> None:
        """Make `items` stand at `start`. Repeating a chunk that is there changes nothing."""
        missing = items[len(self.items) - start :] if len(self.items) > start else items
        self.items.extend(missing)

    def close(self, error: str | None = None) -> None:
        """Nothing more will come. Closing twice is fine; the first error stays."""
        if not self.closed:
            self.closed = True
            self.error = error
            self._notify()

    def commit(self, count: int) -> None:
        """The first `count` items are kept in the journal now."""
        self.committed = max(self.committed, count)
        self._notify()

    def _notify(self) -> None:
        changed, self._changed = self._changed, None
        if changed is not None:
            changed.set()

    async def read(self, *, committed_only: bool = False) -> AsyncIterator[Any]:
        """Every item from the first on, then StreamFailed if the producer failed."""
        at = 0
        while True:
            visible = self.committed if committed_only else len(self.items)
            while at < visible:
                yield self.items[at]
                at += 1
            if self.closed and at == len(self.items):
                break
            if self._changed is None:
                self._changed = asyncio.Event()
            await self._changed.wait()
        if self.error is not None:
            raise StreamFailed(self.error)


class StreamReader(Generic[T]):
    """What a consuming body holds: `async for item in stream`, each time from the first item."""

    def __init__(self, channel: Channel, *, committed_only: bool = False) -> None:
        self._channel = channel
        self._committed_only = committed_only

    def __aiter__(self) -> AsyncIterator[T]:
        return self._channel.read(committed_only=self._committed_only)


class StreamWriter(Generic[T]):
    """What a producing body holds. Items go to readers at once, to the journal in batches."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def send(self, item: T) -> None:
        """Send an item; waits while the journal cannot keep up."""
        self._channel.send(item)
        if self._channel.room is not None:
            await self._channel.room()
        else:
            await asyncio.sleep(0)

    def close(self, error: str | None = None) -> None:
        self._channel.close(error)
