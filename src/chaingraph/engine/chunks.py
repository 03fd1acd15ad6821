"""Stream items on their way into the journal, in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from chaingraph.engine.channel import Channel
from chaingraph.engine.events import EventType
from chaingraph.engine.values import weigh
from chaingraph.flow.ports import Json, Port
from chaingraph.flow.transfer import plain

#: A batch is recorded after this many seconds, items or characters, whichever comes first.
BATCH_SECONDS = 0.02
BATCH_ITEMS = 256
BATCH_CHARACTERS = 65_536


class Writes(Protocol):
    """Where batches go."""

    def record(self, type_: EventType, data: dict[str, Any]) -> None: ...
    def after_commit(self, call: Callable[[], None]) -> None: ...
    async def room(self) -> None: ...


class ChunkWriter:
    """Journals the items of one attempt's output stream and tells its channel what is kept."""

    def __init__(
        self,
        writes: Writes,
        channel: Channel,
        node_id: str,
        port: Port,
        attempt: int,
        max_value_bytes: int,
        keep: Callable[[Port, Any], Json],
    ) -> None:
        self._writes = writes
        self._channel = channel
        self._node_id = node_id
        self._port = port
        self._attempt = attempt
        self._max_value_bytes = max_value_bytes
        self._keep = keep
        self._written = 0
        self._characters = 0
        self._timer: asyncio.TimerHandle | None = None
        channel.on_send = self._take
        channel.room = writes.room

    def _take(self, item: Json) -> Json:
        kept = self._keep(self._port.item, item) if self._port.item is not None else plain(item)
        weigh(f"an item of port {self._port.id}", kept, self._max_value_bytes)
        self._characters += len(kept) if isinstance(kept, str | bytes) else 0
        if self._is_full():
            asyncio.get_running_loop().call_soon(self.flush)
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(BATCH_SECONDS, self.flush)
        return kept

    def _is_full(self) -> bool:
        waiting = len(self._channel.items) - self._written + 1
        return waiting >= BATCH_ITEMS or self._characters >= BATCH_CHARACTERS

    def flush(self) -> None:
        """Record what was sent since the last time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        start, end = self._written, len(self._channel.items)
        if start == end:
            return
        self._written, self._characters = end, 0
        self._writes.record(
            EventType.NODE_STREAM_CHUNK,
            {
                "nodeId": self._node_id,
                "portId": self._port.id,
                "attempt": self._attempt,
                "from": start,
                "items": self._channel.items[start:end],
            },
        )
        self._writes.after_commit(lambda: self._channel.commit(end))

    def stop(self) -> None:
        """Record the rest and take no more."""
        self.flush()
        self._channel.on_send = None

    def drop(self) -> None:
        """Record nothing more, not even what was sent: the body is to run again."""
        if self._timer is not None:
            self._timer.cancel()
        self._channel.on_send = None
