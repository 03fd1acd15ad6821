"""Sending traces: OpenTelemetry's SDK, once an endpoint is named. Without one nothing is loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from chaingraph.errors import BadInput

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

    from chaingraph.engine.graph import Graph
    from chaingraph.execution.records import Lease, Stored
    from chaingraph.execution.tracing import SegmentTrace

    Trace: TypeAlias = Callable[[Stored, Lease, Graph], SegmentTrace]

#: A collector that does not answer holds nobody up for longer, also not the end of the process.
SEND_SECONDS = 2.0


@contextmanager
def tracing(endpoint: str, clock: Callable[[], int]) -> Iterator[Trace | None]:
    """What makes the trace of a segment, sent to the collector at this URL; None without a URL.

    What is not sent yet is sent when the block ends. Raises BadInput when the package that sends
    is not installed.
    """
    if not endpoint:
        yield None
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise BadInput("Traces need more packages: pip install 'chaingraph[otel]'") from None
    url = f"{endpoint.rstrip('/')}/v1/traces"
    exporter = OTLPSpanExporter(endpoint=url, timeout=SEND_SECONDS)
    with tracing_to(BatchSpanProcessor(exporter), clock) as trace:
        yield trace


@contextmanager
def tracing_to(processor: SpanProcessor, clock: Callable[[], int]) -> Iterator[Trace]:
    """As `tracing`, for any destination of OpenTelemetry's SDK."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    from chaingraph.execution.span_ids import ReservedIds
    from chaingraph.execution.tracing import SegmentTrace

    ids = ReservedIds()
    service = Resource.create({"service.name": "chaingraph"})
    provider = TracerProvider(id_generator=ids, resource=service, shutdown_on_exit=False)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("chaingraph")
    try:
        yield partial(SegmentTrace, tracer, ids.reserve, clock)
    finally:
        provider.shutdown()
