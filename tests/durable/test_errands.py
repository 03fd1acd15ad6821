"""What errands cost when there is nothing to do, and what they do beside a locked row."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from chaingraph.durable import errand_statements as ask
from chaingraph.durable import tables as t
from chaingraph.durable.rows import command_columns
from chaingraph.execution.records import Command, CommandKind
from tests.conformance.backends import Backend, sql_backend
from tests.conformance.conftest import copied
from tests.conformance.families import new_child, parent_of, parking, resting
from tests.conformance.steps import deliver, dispatch, leased

PAUSE = Command("p1", CommandKind.PAUSE, "ann", {"tree": True})
RESUME = Command("r1", CommandKind.RESUME, "ann", {"tree": True})


@pytest.fixture
async def postgres(postgres_url: str, upgraded_template: str) -> AsyncIterator[Backend]:
    async with sql_backend(copied(postgres_url, upgraded_template)) as backend:
        yield backend


@contextmanager
def locked(backend: Backend, execution_id: str) -> Iterator[Connection]:
    """Somebody else works on this row."""
    assert backend.database is not None
    row = sa.select(t.executions.c.id).where(t.executions.c.id == execution_id)
    with backend.database.engine.begin() as connection:
        connection.execute(row.with_for_update())
        yield connection


async def has_unread(backend: Backend, execution_id: str, count: int) -> None:
    async with asyncio.timeout(5):
        while True:
            if (await dispatch(backend, execution_id)).inbox_seq >= count:
                return
            await asyncio.sleep(0.01)


async def test_a_locked_child_delays_no_other_and_gets_the_command_later(
    postgres: Backend,
) -> None:
    await parent_of(postgres, "EX2", "EX3")
    with locked(postgres, "EX2"):
        await deliver(postgres, "stop")
        errand = asyncio.create_task(postgres.errands.cascade())
        await has_unread(postgres, "EX3", 2)
        assert (await dispatch(postgres, "EX2")).inbox_seq == 1
    assert sorted((await errand).reached) == ["EX2", "EX3"]


async def test_a_command_that_was_replaced_does_not_come_after_its_successor(
    postgres: Backend,
) -> None:
    lease = await leased(postgres)
    children = (new_child(postgres, "EX2"), new_child(postgres, "EX3"))
    await postgres.journal.append(parking(lease, 1, children=children, cascade=PAUSE))
    with locked(postgres, "EX2"):
        errand = asyncio.create_task(postgres.errands.cascade())
        await has_unread(postgres, "EX3", 2)
        assert postgres.database is not None
        with postgres.database.engine.begin() as connection:
            mine = sa.update(t.executions).where(t.executions.c.id == "EX1")
            connection.execute(mine.values(cascade=command_columns(RESUME)))
    assert (await errand).reached == ["EX3", "EX3"]
    assert (await dispatch(postgres, "EX2")).inbox_seq == 1


async def test_what_somebody_works_on_is_not_woken_and_not_waited_for(postgres: Backend) -> None:
    for name in ("EX1", "EX2"):
        await resting(postgres, name, wake_at=postgres.clock())
    with locked(postgres, "EX1"):
        woken = await postgres.errands.wake_due()
    assert [each.execution_id for each in woken] == ["EX2"]
    assert [each.execution_id for each in await postgres.errands.wake_due()] == ["EX1"]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (ask.DUE, "wake_at"),
        (ask.OVERLOOKED, "unread"),
        (ask.UNTOLD, "untold"),
        (ask.PENDING, "cascade"),
    ],
)
async def test_looking_for_errands_reads_only_what_there_is_to_do(
    tmp_path: Path, query: sa.Select[Any], index: str
) -> None:
    async with sql_backend(f"sqlite:///{tmp_path / 'a.db'}") as backend:
        assert backend.database is not None
        text = query.params(at=0).compile(
            backend.database.engine, compile_kwargs={"literal_binds": True}
        )
        with backend.database.engine.connect() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all()
    steps = [str(row[3]) for row in plan if "chaingraph_executions" in str(row[3])]
    assert [f"chaingraph_executions_{index}_idx" in step for step in steps] == [True]
