"""What a node type is, and what its body sees while it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

from chaingraph.engine.waits import Answer, Wait
from chaingraph.errors import ChainGraphError
from chaingraph.flow.ports import Json, Port


class NodeError(ChainGraphError):
    """Raise it from a body to fail the node with this message. Its name on the wire is `Error`."""


class Kind(StrEnum):
    """What running a body again would mean."""

    PURE = "pure"
    """No effect outside: may run ahead of the journal, and again until its completion is kept."""
    EFFECT = "effect"
    """At least once, always with the same idempotency key."""
    ONCE = "once"
    """Never started twice; a crash in between makes it fail as interrupted."""


@dataclass(frozen=True, slots=True)
class FlowEvent:
    """The event an event-driven execution was started with."""

    name: str
    payload: Json


class Context(Protocol):
    """What a body may ask and tell. One object for each run of a body."""

    @property
    def execution_id(self) -> str: ...
    @property
    def root_execution_id(self) -> str: ...
    @property
    def parent_execution_id(self) -> str | None: ...
    @property
    def execution_depth(self) -> int: ...
    @property
    def flow_id(self) -> str: ...
    @property
    def owner_id(self) -> str: ...
    @property
    def node_id(self) -> str: ...
    @property
    def attempt(self) -> int:
        """1 for the first start of this node in this execution, 2 after a crash, and so on."""

    @property
    def idempotency_key(self) -> str:
        """`execution/node`: the same over retries and crashes. Send it with every effect."""

    @property
    def event(self) -> FlowEvent | None: ...
    @property
    def answer(self) -> Answer | None:
        """What the node has waited for; None when it had nothing to wait for."""

    def port(self, port_id: str) -> Port | None:
        """A top-level port as this node has it in its flow: with the schema that it got there."""

    @property
    def cancelled(self) -> bool:
        """True once the body should end: stop, time-out or a lost lease. For sync bodies."""

    def log(self, text: str) -> None:
        """Write a line into the journal (`node:debug-log-string`)."""

    def emit_event(self, name: str, payload: Json) -> str:
        """Emit a flow event, kept with the node's completion. Returns its id (`EV…`)."""

    def resolve_port(self, port_id: str, value: Json = None) -> None:
        """Let nodes downstream of this output port start while the body goes on.

        For a stream port the live stream is passed on; for any other port, `value`.
        """

    def is_port_resolved(self, port_id: str) -> bool: ...


Values: TypeAlias = dict[str, Any]
Body: TypeAlias = Callable[[Values, Context], Values | Awaitable[Values]]
"""`body(values, ctx)`: values of all top-level ports in, changed values of ports out, by port id.

A stream input port holds a `StreamReader`, a stream output port a `StreamWriter`
(`engine.channel`). The values are the body's own: it may change them.
"""

Waits: TypeAlias = Callable[[Values, Context], Wait | None]
"""What a node waits for before its body runs, by its values; None when it need not wait.

Plain and quick: it runs on the event loop.
"""


@dataclass(frozen=True, slots=True)
class NodeType:
    """A node type: its ports and its body. Made by `@node`, found in a Catalog."""

    name: str
    body: Body
    ports: Mapping[str, Port]
    title: str = ""
    category: str = "other"
    description: str = ""
    version: int = 1
    kind: Kind = Kind.EFFECT
    #: the body is a coroutine function
    is_async: bool = False
    #: a sync pure body of less than a millisecond, run on the event loop
    quick: bool = False
    #: the body receives flow events: it runs only in executions started by a matching event
    listens: bool = False
    #: what a node of this type waits for before its body runs
    waits: Waits | None = None
    #: class defaults of the stored `metadata.flowPorts`
    flow_ports: Mapping[str, Any] = field(default_factory=dict)
