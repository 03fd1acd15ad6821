"""What a scrape tells, and that counting costs nothing it should not."""

from __future__ import annotations

import asyncio

import pytest

from chaingraph import metrics
from chaingraph.errors import Fenced
from tests.conformance.backends import Backend, sql_backend
from tests.conformance.steps import batch, leased


def value(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def scraped() -> str:
    return metrics.render()[0].decode()


def test_a_scrape_is_prometheus_text() -> None:
    text, content_type = metrics.render()
    assert content_type.startswith("text/plain")
    assert b"# TYPE chaingraph_journal_append_seconds histogram" in text
    assert b"process_resident_memory_bytes" in text


def test_executions_are_counted_when_somebody_asks() -> None:
    census = {("created", "parked"): 2, ("running", "leased"): 3, ("running", "parked"): 1}
    with metrics.counting(lambda: census):
        text = scraped()
    assert 'chaingraph_executions{status="running"} 4.0' in text
    assert 'chaingraph_executions_dispatch{disposition="parked"} 3.0' in text
    assert 'chaingraph_executions_parked{reason="start"} 2.0' in text
    assert 'chaingraph_executions_parked{reason="wait"} 1.0' in text
    assert 'chaingraph_executions{status="running"}' not in scraped()


def test_a_scrape_succeeds_while_the_database_is_away() -> None:
    def away() -> metrics.Census:
        raise OSError("away")

    with metrics.counting(away):
        assert "chaingraph_segments_started_total" in scraped()


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "done"),
        (Fenced("EX1", 1), "fenced"),
        (ExceptionGroup("", [Fenced("EX1", 1)]), "fenced"),
        (asyncio.CancelledError(), "cancelled"),
        (RuntimeError(), "broken"),
    ],
)
def test_a_segment_is_counted_by_how_it_is_over(error: BaseException | None, outcome: str) -> None:
    before = value("chaingraph_segments_ended_total", outcome=outcome)
    try:
        with metrics.segment():
            assert value("chaingraph_leases_held") >= 1
            if error is not None:
                raise error
    except BaseException as raised:
        assert raised is error
    assert value("chaingraph_segments_ended_total", outcome=outcome) == before + 1
    assert value("chaingraph_leases_held") == 0


async def test_a_commit_is_counted_once_with_its_entries(tmp_path: object) -> None:
    names = ("appends_total", "entries_total", "append_seconds_count", "group_size_sum")

    def counts() -> list[float]:
        return [value(f"chaingraph_journal_{name}") for name in names]

    async with sql_backend(f"sqlite:///{tmp_path}/chaingraph.db") as backend:
        lease = await leased(backend)
        before = counts()
        await backend.journal.append(batch(lease, 1, "node:started", "node:completed"))
        after = counts()
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 2, 1, 1]


async def refused(backend: Backend) -> None:
    """An append under a lease that was lost."""
    lease = await leased(backend)
    await backend.journal.hand_over(lease)
    with pytest.raises(Fenced):
        await backend.journal.append(batch(lease, 1))


async def test_a_refused_append_is_counted_as_such(tmp_path: object) -> None:
    before = value("chaingraph_journal_refused_total"), value("chaingraph_journal_appends_total")
    async with sql_backend(f"sqlite:///{tmp_path}/chaingraph.db") as backend:
        await refused(backend)
    after = value("chaingraph_journal_refused_total"), value("chaingraph_journal_appends_total")
    assert after == (before[0] + 1, before[1])
