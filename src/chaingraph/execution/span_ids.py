"""Ids of spans: as they come, or as they were reserved for the next one."""

from __future__ import annotations

import threading

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator


class ReservedIds(RandomIdGenerator):
    """Random ids, but for the next root or child span of a thread that reserved its own."""

    def __init__(self) -> None:
        self._next = threading.local()

    def reserve(self, trace_id: int, span_id: int) -> None:
        """The next span that this thread starts gets these."""
        self._next.ids = (trace_id, span_id)

    def generate_trace_id(self) -> int:
        ids: tuple[int, int] | None = getattr(self._next, "ids", None)
        return ids[0] if ids is not None else super().generate_trace_id()

    def generate_span_id(self) -> int:
        ids: tuple[int, int] | None = getattr(self._next, "ids", None)
        self._next.ids = None
        return ids[1] if ids is not None else super().generate_span_id()
