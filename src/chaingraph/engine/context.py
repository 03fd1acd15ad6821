"""The context of one running body."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from chaingraph.engine.node import FlowEvent
from chaingraph.engine.waits import Answer
from chaingraph.flow.ids import new_event_id
from chaingraph.flow.ports import Json, Port
from chaingraph.flow.transfer import copy, plain


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose run this is."""

    execution_id: str
    flow_id: str
    owner_id: str
    root_execution_id: str
    parent_execution_id: str | None = None
    depth: int = 0
    event: FlowEvent | None = None


class Desk(Protocol):
    """What a context asks of the run it belongs to: on the event loop, unless it says otherwise."""

    def log(self, node_id: str, text: str) -> None: ...
    def resolution(self, node_id: str, port_id: str, value: Json) -> dict[str, Any]:
        """What resolving the port means, checked; raises PortError. Safe from any thread."""

    def resolve(self, resolution: dict[str, Any]) -> None: ...
    def is_port_resolved(self, node_id: str, port_id: str) -> bool: ...
    def port(self, node_id: str, port_id: str) -> Port | None: ...
    def call_soon(self, call: Callable[[], None]) -> None:
        """Run `call` on the event loop; safe from any thread."""


class BodyContext:
    """One run of one body. After `close` it says `cancelled` and tells nobody anything."""

    __slots__ = (
        "_closed",
        "_desk",
        "_identity",
        "_thread",
        "answer",
        "attempt",
        "emitted",
        "node_id",
    )

    def __init__(
        self,
        identity: Identity,
        desk: Desk,
        node_id: str,
        attempt: int,
        answer: Answer | None = None,
    ) -> None:
        self._identity = identity
        self._desk = desk
        self._thread = threading.get_ident()
        self._closed = False
        self.node_id = node_id
        self.attempt = attempt
        self.answer = answer
        self.emitted: list[dict[str, Any]] = []

    @property
    def execution_id(self) -> str:
        return self._identity.execution_id

    @property
    def root_execution_id(self) -> str:
        return self._identity.root_execution_id

    @property
    def parent_execution_id(self) -> str | None:
        return self._identity.parent_execution_id

    @property
    def execution_depth(self) -> int:
        return self._identity.depth

    @property
    def flow_id(self) -> str:
        return self._identity.flow_id

    @property
    def owner_id(self) -> str:
        return self._identity.owner_id

    @property
    def event(self) -> FlowEvent | None:
        event = self._identity.event
        return None if event is None else FlowEvent(event.name, copy(event.payload))

    @property
    def idempotency_key(self) -> str:
        return f"{self._identity.execution_id}/{self.node_id}"

    @property
    def cancelled(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True

    def log(self, text: str) -> None:
        self._on_loop(lambda: self._desk.log(self.node_id, str(text)))

    def emit_event(self, name: str, payload: Json) -> str:
        event_id = new_event_id()
        self.emitted.append({"id": event_id, "type": name, "data": plain(payload)})
        return event_id

    def resolve_port(self, port_id: str, value: Json = None) -> None:
        resolution = self._desk.resolution(self.node_id, port_id, value)
        self._on_loop(lambda: self._desk.resolve(resolution))

    def is_port_resolved(self, port_id: str) -> bool:
        return self._desk.is_port_resolved(self.node_id, port_id)

    def port(self, port_id: str) -> Port | None:
        return self._desk.port(self.node_id, port_id)

    def _on_loop(self, call: Callable[[], None]) -> None:
        if threading.get_ident() == self._thread:
            self._unless_closed(call)
        else:
            self._desk.call_soon(lambda: self._unless_closed(call))

    def _unless_closed(self, call: Callable[[], None]) -> None:
        if not self._closed:
            call()
