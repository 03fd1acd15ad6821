"""Retention: whole ended trees go, and nothing else does."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from chaingraph.durable import prune
from chaingraph.durable import tables as t
from chaingraph.durable.dispatched import dispatched
from chaingraph.durable.prune import Retention, doomed, retain
from chaingraph.execution.identity import hash_of, new_token
from chaingraph.execution.records import Blob
from tests.conformance.backends import Backend
from tests.conformance.families import parent_of
from tests.conformance.steps import deliver, leased, new_execution, parked, queued
from tests.durable.executions import ended

DAY = 24 * 3600 * 1000
OLD = Retention(older_than=timedelta(days=30))


@pytest.fixture
def backend(sql_only: Backend) -> Backend:
    return sql_only


async def pruned(backend: Backend, rule: Retention) -> list[str]:
    assert backend.database is not None
    return [tree.root_id for tree in await retain(backend.database, rule, clock=backend.clock)]


async def left(backend: Backend) -> dict[str, int]:
    """The number of rows in every table that belongs to executions."""
    assert backend.database is not None
    tables = (t.executions, t.journal, t.inbox, t.blobs, t.snapshots, t.tokens)
    with backend.database.engine.connect() as connection:
        return {
            table.name.removeprefix("chaingraph_"): connection.execute(
                sa.select(sa.func.count()).select_from(table)
            ).scalar_one()
            for table in tables
        }


async def test_nothing_is_left_of_an_old_tree(backend: Backend) -> None:
    await ended(backend, "EX1", blobs=(Blob("b1", b"large"), Blob("b2", b"larger")))
    share, text = new_token("share", created_at=backend.clock(), execution_id="EX1")
    await backend.tokens.add(share, hash_of(text))
    backend.clock.move(31 * DAY)
    assert await pruned(backend, OLD) == ["EX1"]
    assert set((await left(backend)).values()) == {0}
    assert backend.database is not None
    with dispatched(backend.database) as queue:
        assert await queue.held() == []


async def test_a_tree_stays_until_all_of_it_know_how_it_ended(backend: Backend) -> None:
    await parent_of(backend, "EX2")
    await deliver(backend, "stop")
    backend.clock.move(31 * DAY)
    for errand in (backend.errands.cascade, backend.errands.tell_parents):
        assert await pruned(backend, OLD) == []
        await errand()
        backend.clock.move(31 * DAY)
    assert await pruned(backend, OLD) == ["EX1"]


async def test_what_is_young_or_has_not_ended_stays(backend: Backend) -> None:
    await ended(backend, "EXold")
    await parked(backend, "EXparked")
    await queued(backend, "EXqueued")
    await leased(backend, "EXleased")
    backend.clock.move(31 * DAY)
    await ended(backend, "EXyoung")
    assert await pruned(backend, OLD) == ["EXold"]
    assert (await left(backend))["executions"] == 4
    assert (await left(backend))["snapshots"] == 1


async def test_a_tree_goes_only_as_a_whole(backend: Backend) -> None:
    await ended(backend, "EX1")
    child = new_execution(backend, "EX2", root_execution_id="EX1", parent_execution_id="EX1")
    await backend.journal.create(child)
    backend.clock.move(31 * DAY)
    assert await pruned(backend, OLD) == []
    await deliver(backend, "stop", to="EX2")
    await backend.errands.tell_parents()
    assert await pruned(backend, OLD) == ["EX1"]
    assert (await left(backend))["executions"] == 0


async def test_the_newest_of_each_owner_are_kept(backend: Backend) -> None:
    for number in range(4):
        await ended(backend, f"EX{number}")
        backend.clock.move(DAY)
    assert await pruned(backend, Retention(keep=3)) == ["EX0"]
    assert await pruned(backend, Retention(keep=1, older_than=timedelta(days=2))) == ["EX1"]
    assert await pruned(backend, Retention(keep=0, owner="somebody")) == []
    assert await pruned(backend, Retention(keep=0, owner="local")) == ["EX2", "EX3"]


async def test_a_rule_that_says_nothing_keeps_everything(backend: Backend) -> None:
    await ended(backend, "EX1")
    assert await pruned(backend, Retention()) == []


async def test_a_long_journal_goes_in_short_transactions(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ended(backend, "EX1")
    monkeypatch.setattr(prune, "ROWS", 1)
    backend.clock.move(31 * DAY)
    assert await pruned(backend, OLD) == ["EX1"]
    assert (await left(backend))["journal"] == 0


async def test_a_dry_run_tells_and_deletes_nothing(backend: Backend) -> None:
    await ended(backend, "EX1")
    backend.clock.move(31 * DAY)
    before = await left(backend)
    assert backend.database is not None
    (tree,) = await doomed(backend.database, OLD, clock=backend.clock)
    assert (tree.root_id, tree.owner_id, tree.executions) == ("EX1", "local", 1)
    assert await left(backend) == before
