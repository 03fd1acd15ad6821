"""Traces for OpenTelemetry: one trace a tree, a span for each segment and each node.

Ids are made from execution ids, so nothing has to travel between processes: whoever works on an
execution adds to the same trace. A span tells ids, types and times, never a value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)

from chaingraph.engine.events import TERMINAL, EventType

if TYPE_CHECKING:
    from chaingraph.engine.graph import Graph
    from chaingraph.execution.records import ExecutionRow, Lease, Stored

#: Gives the next span of the calling thread this trace and span id.
Reserve: TypeAlias = Callable[[int, int], None]

_NODE_ENDS = (EventType.NODE_COMPLETED, EventType.NODE_FAILED, EventType.NODE_SKIPPED)


def trace_id(root_execution_id: str) -> int:
    """The W3C trace id of a tree of executions: 128 bits."""
    return _digest("trace", root_execution_id, 16)


def span_id(execution_id: str) -> int:
    """The W3C id of the span that stands for a whole execution: 64 bits."""
    return _digest("execution", execution_id, 8)


def _digest(kind: str, execution_id: str, size: int) -> int:
    digest = hashlib.sha256(f"chaingraph {kind} {execution_id}".encode()).digest()
    return int.from_bytes(digest[:size]) or 1


class SegmentTrace:
    """The spans of one segment. Entered for as long as it lasts; told of every event in it."""

    def __init__(
        self,
        tracer: Tracer,
        reserve: Reserve,
        clock: Callable[[], int],
        stored: Stored,
        lease: Lease,
        graph: Graph,
    ) -> None:
        self._tracer = tracer
        self._reserve = reserve
        self._clock = clock
        self._row = stored.row
        self._number = lease.number
        self._graph = graph
        self._began_at = clock()
        self._nodes: dict[str, Span] = {}
        self._span: Span | None = None
        self._inside = Context()

    def __enter__(self) -> SegmentTrace:
        self._span = self._tracer.start_span(
            f"segment {self._number}",
            _inside_execution(self._row, self._row.id),
            attributes={**_about(self._row), "chaingraph.segment": self._number},
            start_time=_ns(self._began_at),
        )
        self._inside = set_span_in_context(self._span)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        now = _ns(self._clock())
        assert self._span is not None
        for span in (*self._nodes.values(), self._span):
            if error is not None:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            span.end(now)

    def saw(self, type_: EventType, at: int, data: Mapping[str, Any]) -> None:
        """An event was recorded at `at`, in ms."""
        if type_ is EventType.NODE_STARTED:
            self._nodes[data["nodeId"]] = self._node(data["nodeId"], at)
        elif type_ in _NODE_ENDS:
            self._node_ended(type_, at, data)
        elif type_ in TERMINAL:
            self._execution_ended(type_, at, data)

    def _node(self, node_id: str, at: int) -> Span:
        type_name = self._graph.flow.nodes[node_id].type
        attributes = {
            "chaingraph.execution.id": self._row.id,
            "chaingraph.node.id": node_id,
            "chaingraph.node.type": type_name,
        }
        return self._tracer.start_span(
            type_name, self._inside, attributes=attributes, start_time=_ns(at)
        )

    def _node_ended(self, type_: EventType, at: int, data: Mapping[str, Any]) -> None:
        span = self._nodes.pop(data["nodeId"], None) or self._node(data["nodeId"], at)
        span.set_attribute("chaingraph.node.outcome", type_.value.partition(":")[2])
        if type_ is EventType.NODE_FAILED:
            span.set_status(Status(StatusCode.ERROR, data["error"].name))
        span.end(_ns(at))

    def _execution_ended(self, type_: EventType, at: int, data: Mapping[str, Any]) -> None:
        """The span of the whole execution, made at its end under the id that all could know."""
        row = self._row
        parent = row.parent_execution_id
        self._reserve(trace_id(row.root_execution_id), span_id(row.id))
        span = self._tracer.start_span(
            f"flow {row.flow_id}",
            _inside_execution(row, parent) if parent else Context(),
            attributes={**_about(row), "chaingraph.outcome": type_.value.partition(":")[2]},
            start_time=_ns(round(row.created_at.timestamp() * 1000)),
        )
        if type_ is EventType.FLOW_FAILED:
            span.set_status(Status(StatusCode.ERROR, data["error"].name))
        span.end(_ns(at))


def _inside_execution(row: ExecutionRow, execution_id: str) -> Context:
    """The context of what belongs to an execution, wherever its own span is made."""
    parent = SpanContext(
        trace_id(row.root_execution_id),
        span_id(execution_id),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
    return set_span_in_context(NonRecordingSpan(parent), Context())


def _about(row: ExecutionRow) -> dict[str, str]:
    return {
        "chaingraph.execution.id": row.id,
        "chaingraph.flow.id": row.flow_id,
        "chaingraph.root_execution.id": row.root_execution_id,
    }


def _ns(ms: int) -> int:
    return ms * 1_000_000
