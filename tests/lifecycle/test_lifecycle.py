"""Everything that may happen to executions, in any order, on every backend."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.conformance.backends import Backend, memory_backend, sql_backend
from tests.lifecycle.machine import Lifecycle
from tests.servers import new_database

#: The same orders each time, and others each time.
FEW = settings(
    derandomize=True,
    stateful_step_count=40,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
MANY = settings(FEW, derandomize=False, stateful_step_count=60)


def explore(runner: asyncio.Runner, make: Callable[[], Backend], profile: settings) -> None:
    """Let machines run on the backends that `make` gives, one after the other."""

    class Here(Lifecycle):
        def __init__(self) -> None:
            super().__init__(runner, make())

    run_state_machine_as_test(Here, settings=profile)


def explore_in_memory(profile: settings) -> None:
    with asyncio.Runner() as runner:
        explore(runner, memory_backend, profile)


def explore_on(url: str, profile: settings) -> None:
    """All machines share one database."""
    with asyncio.Runner() as runner:
        opened = AsyncExitStack()
        backend = runner.run(opened.enter_async_context(sql_backend(url)))
        try:
            explore(runner, lambda: backend, profile)
        finally:
            runner.run(opened.aclose())


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'chaingraph.db'}"
    return new_database(request.getfixturevalue("postgres_url"))


@pytest.mark.timeout(300)
def test_no_order_of_events_breaks_a_promise_in_memory() -> None:
    explore_in_memory(settings(FEW, max_examples=30))


@pytest.mark.timeout(300)
def test_no_order_of_events_breaks_a_promise(url: str) -> None:
    explore_on(url, settings(FEW, max_examples=5))


@pytest.mark.chaos
@pytest.mark.timeout(3600)
def test_none_of_many_orders_breaks_a_promise_in_memory() -> None:
    explore_in_memory(settings(MANY, max_examples=3_000))


@pytest.mark.chaos
@pytest.mark.timeout(3600)
def test_none_of_many_orders_breaks_a_promise(url: str) -> None:
    explore_on(url, settings(MANY, max_examples=300))
