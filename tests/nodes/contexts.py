"""A context for running one body by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any

from chaingraph.engine.channel import Channel, StreamReader, StreamWriter
from chaingraph.engine.node import Context, FlowEvent, NodeType, Values
from chaingraph.engine.waits import Answer, Wait
from chaingraph.flow.ports import Direction, Json, Port, PortType


@dataclass
class MemoryContext:
    """Remembers what the body told it."""

    node_id: str = "node"
    execution_id: str = "EXtest"
    root_execution_id: str = "EXtest"
    parent_execution_id: str | None = None
    execution_depth: int = 0
    flow_id: str = "V2test"
    owner_id: str = "local"
    attempt: int = 1
    event: FlowEvent | None = None
    answer: Answer | None = None
    ports: dict[str, Port] = field(default_factory=dict)
    cancelled: bool = False
    lines: list[str] = field(default_factory=list)
    emitted: list[tuple[str, Json]] = field(default_factory=list)
    resolved: dict[str, Json] = field(default_factory=dict)

    @property
    def idempotency_key(self) -> str:
        return f"{self.execution_id}/{self.node_id}"

    def port(self, port_id: str) -> Port | None:
        return self.ports.get(port_id)

    def log(self, text: str) -> None:
        self.lines.append(text)

    def emit_event(self, name: str, payload: Json) -> str:
        self.emitted.append((name, payload))
        return f"EV{len(self.emitted)}"

    def resolve_port(self, port_id: str, value: Json = None) -> None:
        self.resolved[port_id] = value

    def is_port_resolved(self, port_id: str) -> bool:
        return port_id in self.resolved


def wait_of(
    node_type: NodeType, values: Values | None = None, ctx: Context | None = None
) -> Wait | None:
    """What the node waits for with these values; ports that are not named hold their defaults."""
    held = {key: each.default for key, each in node_type.ports.items()} | (values or {})
    assert node_type.waits is not None
    return node_type.waits(held, ctx or MemoryContext())


async def run_body(
    node_type: NodeType, values: Values | None = None, ctx: Context | None = None
) -> Values:
    """What the body gives for these values; ports that are not named hold their defaults.

    For a stream port, give its Channel.
    """
    held = {key: each.default for key, each in node_type.ports.items()} | (values or {})
    for key, each in node_type.ports.items():
        if each.type is PortType.STREAM:
            channel = held[key] or Channel()
            writes = each.direction is Direction.OUTPUT
            held[key] = StreamWriter[Any](channel) if writes else StreamReader[Any](channel)
    given = node_type.body(held, ctx or MemoryContext())
    return await given if isawaitable(given) else given
