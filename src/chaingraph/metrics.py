"""Every number this process tells Prometheus, named once.

Counters are of this process. The census is of the database, the same from every process that
works on it: aggregate it with `max`, not with `sum`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter as Sums
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chaingraph.errors import Fenced

log = logging.getLogger(__name__)

REGISTRY = CollectorRegistry()

segments_started = Counter(
    "chaingraph_segments_started",
    "Segments whose lease this worker took.",
    registry=REGISTRY,
)
segments_ended = Counter(
    "chaingraph_segments_ended",
    "Segments of this worker that are over, by outcome: done, fenced (the lease was lost), "
    "cancelled (the worker ends), broken (a defect).",
    ["outcome"],
    registry=REGISTRY,
)
executions_ended = Counter(
    "chaingraph_executions_ended",
    "Executions that this worker brought to their end, by the type of the last event.",
    ["event"],
    registry=REGISTRY,
)
leases_held = Gauge(
    "chaingraph_leases_held",
    "Executions this worker holds now.",
    registry=REGISTRY,
)
journal_appends = Counter(
    "chaingraph_journal_appends",
    "Appends that were accepted: one for each execution in a committed group.",
    registry=REGISTRY,
)
journal_refused = Counter(
    "chaingraph_journal_refused",
    "Appends that moved no row at first: the lease was lost, a command came first, "
    "or the row was locked and the append goes alone.",
    registry=REGISTRY,
)
journal_entries = Counter(
    "chaingraph_journal_entries",
    "Events that were committed.",
    registry=REGISTRY,
)
journal_append_seconds = Histogram(
    "chaingraph_journal_append_seconds",
    "How long the transaction of a group took, with its commit and with the tries before it.",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30),
    registry=REGISTRY,
)
journal_group_size = Histogram(
    "chaingraph_journal_group_size",
    "Executions that went into one transaction.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200),
    registry=REGISTRY,
)
followers = Gauge(
    "chaingraph_followers",
    "Readers that follow an execution in this process.",
    registry=REGISTRY,
)
follower_lag_events = Histogram(
    "chaingraph_follower_lag_events",
    "Events that were waiting when a follower came for more.",
    buckets=(1, 5, 20, 100, 500, 2_000, 10_000),
    registry=REGISTRY,
)
recoveries = Counter(
    "chaingraph_recoveries",
    "Lost leases that this worker took away, by reason.",
    ["reason"],
    registry=REGISTRY,
)
scanner_findings = Counter(
    "chaingraph_scanner_findings",
    "What the scanner had to repair, by kind: nobody would have woken these executions.",
    ["kind"],
    registry=REGISTRY,
)
pruned_executions = Counter(
    "chaingraph_pruned_executions",
    "Executions deleted by the retention rule.",
    registry=REGISTRY,
)
doorbell_reconnects = Counter(
    "chaingraph_doorbell_reconnects",
    "Times the listening connection was lost and made again.",
    registry=REGISTRY,
)
doorbell_rings_lost = Counter(
    "chaingraph_doorbell_rings_lost",
    "Batches of rings that could not be sent; their readers found the news by looking.",
    registry=REGISTRY,
)
database_retries = Counter(
    "chaingraph_database_retries",
    "Transactions that were tried again because the connection, a lock or the server was lost.",
    registry=REGISTRY,
)

#: (status, disposition) -> executions
Census = Mapping[tuple[str, str], int]

#: what a parked execution of this status waits for
_REASONS = {"created": "start", "paused": "resume", "running": "wait"}


class _Executions(Collector):
    """Counted in the database when somebody scrapes."""

    def __init__(self) -> None:
        self.count: Callable[[], Census] | None = None

    def collect(self) -> Iterator[Metric]:
        by_status: Sums[str] = Sums()
        by_disposition: Sums[str] = Sums()
        parked: Sums[str] = Sums()
        for (status, disposition), number in self._census().items():
            by_status[status] += number
            by_disposition[disposition] += number
            if disposition == "parked":
                parked[_REASONS.get(status, status)] += number
        yield _gauge("", "Executions in the database, by status.", "status", by_status)
        yield _gauge(
            "_dispatch",
            "Executions by who acts next: parked, queued, leased or done.",
            "disposition",
            by_disposition,
        )
        yield _gauge(
            "_parked",
            "Parked executions by what they wait for: start, resume or wait.",
            "reason",
            parked,
        )

    def _census(self) -> Census:
        if self.count is None:
            return {}
        try:
            return self.count()
        except Exception as error:  # a scrape tells what there is, also while the database is away
            log.warning("executions could not be counted: %s", error)
            return {}


def _gauge(suffix: str, help: str, label: str, sums: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(f"chaingraph_executions{suffix}", help, labels=[label])
    for value, number in sorted(sums.items()):
        family.add_metric([value], number)
    return family


_executions = _Executions()
REGISTRY.register(_executions)
ProcessCollector(registry=REGISTRY)


@contextmanager
def segment() -> Iterator[None]:
    """Counts a segment, which lasts as long as the block, and how it is over."""
    segments_started.inc()
    outcome = "done"
    try:
        with leases_held.track_inprogress():
            yield
    except BaseException as error:
        outcome = _outcome(error)
        raise
    finally:
        segments_ended.labels(outcome).inc()


def _outcome(error: BaseException) -> str:
    leaves = error.exceptions if isinstance(error, BaseExceptionGroup) else (error,)
    if any(isinstance(each, Fenced) for each in leaves):
        return "fenced"
    if any(isinstance(each, asyncio.CancelledError) for each in leaves):
        return "cancelled"
    return "broken"


@contextmanager
def counting(count: Callable[[], Census]) -> Iterator[None]:
    """While entered, a scrape asks `count` for the executions, in the thread of the scrape."""
    before, _executions.count = _executions.count, count
    try:
        yield
    finally:
        _executions.count = before


def render() -> tuple[bytes, str]:
    """The text of a scrape and its content type. It reads the database: call it in a thread."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
