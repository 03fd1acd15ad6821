"""Nodes that tell and hear flow events, and that know whose child an execution is."""

from __future__ import annotations

from typing import Any

from chaingraph.engine.authoring import Context, NodeError, node, output, passthrough, port

_OFFSET = port(0, title="Processed events offset", ui={"hidden": True})
_LISTENER = {"disabledAutoExecution": True}


@node(category="flow", title="Event Emitter", kind="pure", quick=True)
class EventEmitterNode:
    """Emits an event: the flow runs again as a child execution, for those who listen to it."""

    eventName: str = ""
    payload: dict[str, Any] | None = None

    def run(self, ctx: Context) -> None:
        if not self.eventName:
            raise NodeError("Event name is required")
        ctx.emit_event(self.eventName, self.payload or {})


@node(
    category="flow",
    title="Event Listener",
    kind="pure",
    quick=True,
    listens=True,
    flow_ports=_LISTENER,
)
class EventListenerNodeV2:
    """Runs when an event of this name was emitted, and gives its payload on."""

    eventName: str = ""
    eventSchema: dict[str, Any] | None = passthrough()
    processedEventsOffset: float = _OFFSET
    eventPayload: dict[str, Any] | None = output(is_schema_mutable=False)

    def run(self, ctx: Context) -> None:
        if ctx.event is not None and ctx.event.name == self.eventName:
            self.eventPayload = ctx.event.payload or {}


@node(
    category="flow",
    title="Event Listener",
    kind="pure",
    quick=True,
    listens=True,
    flow_ports=_LISTENER,
)
class EventListenerNode:
    """The listener of old flows; in new ones use EventListenerNodeV2."""

    eventName: str = ""
    processedEventsOffset: float = _OFFSET
    outputData: dict[str, Any] | None = output()

    def run(self, ctx: Context) -> None:
        if ctx.event is not None and ctx.event.name == self.eventName:
            self.outputData = ctx.event.payload or {}


@node(category="flow", title="Is Root Execution", kind="pure", quick=True)
class IsRootExecutionNode:
    """True unless an event or another flow began this execution."""

    isRoot: bool = output(False)

    def run(self, ctx: Context) -> None:
        self.isRoot = ctx.execution_depth == 0 and ctx.parent_execution_id is None
