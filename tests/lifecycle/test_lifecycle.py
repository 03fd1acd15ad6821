"""Everything that may happen to executions, in any order, on every backend."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.conformance.backends import Backend, memory_backend, sql_backend
from tests.lifecycle.machine import Lifecycle
from tests.servers import new_database

Opens = Callable[[], AbstractAsyncContextManager[Backend]]


@asynccontextmanager
async def _memory() -> AsyncIterator[Backend]:
    yield memory_backend()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def opens(request: pytest.FixtureRequest, tmp_path: Path) -> Opens:
    """Opens a backend; machines that run one after the other share it."""
    if request.param == "memory":
        return _memory
    if request.param == "sqlite":
        return lambda: sql_backend(f"sqlite:///{tmp_path / 'chaingraph.db'}")
    url = new_database(request.getfixturevalue("postgres_url"))
    return lambda: sql_backend(url)


def explore(opens: Opens, examples: int, steps: int, *, repeatable: bool) -> None:
    profile = settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=repeatable,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    with asyncio.Runner() as runner:
        opened = opens()
        backend = runner.run(opened.__aenter__())
        try:
            run_state_machine_as_test(lambda: Lifecycle(runner, backend), settings=profile)
        finally:
            runner.run(opened.__aexit__(None, None, None))


def test_no_order_of_events_breaks_a_promise(opens: Opens, request: pytest.FixtureRequest) -> None:
    examples = 60 if "memory" in request.node.name else 10
    explore(opens, examples, 40, repeatable=True)


@pytest.mark.chaos
@pytest.mark.timeout(1800)
def test_no_order_of_events_breaks_a_promise_in_many(
    opens: Opens, request: pytest.FixtureRequest
) -> None:
    examples = 3_000 if "memory" in request.node.name else 300
    explore(opens, examples, 60, repeatable=False)
