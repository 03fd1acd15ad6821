"""Traces: one for a tree, from ids alone; spans for executions, segments and nodes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chaingraph.engine.authoring import node
from chaingraph.execution.otlp import tracing, tracing_to
from chaingraph.execution.tracing import span_id, trace_id
from chaingraph.flow.build import FlowBuilder
from tests.laboratory import Clock, Lab, lab_of

SECRET = "a value that no trace may show"


@node(name="shout")
def shout(text: str) -> str:
    return text.upper()


@node(name="explode")
def explode(text: str) -> str:
    raise ValueError(text)


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def lab(exporter: InMemorySpanExporter) -> Iterator[Lab]:
    made, _ = lab_of(shout, explode)
    with tracing_to(SimpleSpanProcessor(exporter), made.clock) as trace:
        made.world = replace(made.world, trace=trace)
        yield made


async def spans(lab: Lab, exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    """Run one node that works, one that fails and one that is never ready; spans by name."""
    builder = FlowBuilder("test", lab.catalog, id="V2test")
    broken = builder.add("explode", "broken", text=SECRET)
    builder.add("shout", "works", text=SECRET)
    builder.add("shout", "after", text=broken["result"])
    await lab.run(builder.build())
    return {span.name: span for span in finished(exporter)}


def finished(exporter: InMemorySpanExporter) -> tuple[ReadableSpan, ...]:
    return exporter.get_finished_spans()


def by_node(exporter: InMemorySpanExporter) -> dict[object, ReadableSpan]:
    return {(s.attributes or {}).get("chaingraph.node.id"): s for s in finished(exporter)}


async def test_the_whole_tree_is_one_trace_known_from_its_root(
    lab: Lab, exporter: InMemorySpanExporter
) -> None:
    named = await spans(lab, exporter)
    flow = named["flow V2test"]
    root = str((flow.attributes or {})["chaingraph.root_execution.id"])
    contexts = [span.context for span in finished(exporter)]
    assert {context.trace_id for context in contexts if context} == {trace_id(root)}
    assert flow.context is not None
    assert (flow.context.span_id, flow.parent) == (span_id(root), None)


async def test_nodes_are_inside_the_segment_and_it_is_inside_the_execution(
    lab: Lab, exporter: InMemorySpanExporter
) -> None:
    named = await spans(lab, exporter)
    flow, segment, works = named["flow V2test"], named["segment 1"], by_node(exporter)["works"]
    assert flow.context and segment.context and segment.parent and works.parent
    assert segment.parent.span_id == flow.context.span_id
    assert works.parent.span_id == segment.context.span_id


async def test_a_span_tells_how_a_node_ended(lab: Lab, exporter: InMemorySpanExporter) -> None:
    await spans(lab, exporter)
    outcomes = {
        node_id: (span.attributes or {})["chaingraph.node.outcome"]
        for node_id, span in by_node(exporter).items()
        if node_id is not None
    }
    assert outcomes == {"works": "completed", "broken": "failed", "after": "skipped"}
    assert not by_node(exporter)["broken"].status.is_ok
    assert by_node(exporter)["broken"].status.description == "ValueError"


async def test_no_span_shows_a_value(lab: Lab, exporter: InMemorySpanExporter) -> None:
    await spans(lab, exporter)
    text = "".join(span.to_json() for span in finished(exporter))
    assert "works" in text
    assert SECRET.lower() not in text.lower()


def test_ids_are_of_the_size_that_w3c_wants() -> None:
    assert 0 < trace_id("EX1") < 2**128
    assert 0 < span_id("EX1") < 2**64
    assert trace_id("EX1") != trace_id("EX2")


def test_without_an_endpoint_nothing_is_traced_or_loaded() -> None:
    with tracing("", Clock()) as trace:
        assert trace is None
    program = (
        "import sys, chaingraph.execution.segment, chaingraph.execution.otlp; "
        "sys.exit('opentelemetry' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
