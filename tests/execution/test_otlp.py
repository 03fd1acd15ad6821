"""Spans reach a collector over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from chaingraph.execution.otlp import tracing
from chaingraph.execution.tracing import SegmentTrace
from tests.laboratory import lab_of


class Collector(HTTPServer):
    """Keeps what was sent: paths and bodies."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receive)
        self.received: list[tuple[str, bytes]] = []


class _Receive(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield server
        server.shutdown()
        serving.join()


async def test_what_was_traced_is_sent_at_the_latest_at_the_end(collector: Collector) -> None:
    lab, flow = lab_of()
    flow.add("TextNode", "a", text="x")
    run = await lab.run(flow.build())
    lease = await lab.journal.claim((await lab.begin(flow.build())), "w1")
    assert lease is not None
    with tracing(f"http://127.0.0.1:{collector.server_port}/", lab.clock) as trace:
        assert trace is not None
        segment = trace(run.stored, lease, run.graph)
        assert isinstance(segment, SegmentTrace)
        with segment:
            pass
    ((path, body),) = collector.received
    assert path == "/v1/traces"
    assert run.id.encode() in body
