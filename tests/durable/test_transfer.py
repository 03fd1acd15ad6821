"""An execution in a file: whole, the same on every database, and alive when it comes in."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from chaingraph.durable import tables as t
from chaingraph.durable.archive import Archive, read_archive
from chaingraph.durable.archive_journal import ArchiveJournal
from chaingraph.durable.transfer import export, restore
from chaingraph.errors import BadInput, ExecutionNotFound
from chaingraph.execution.records import Blob, Command, CommandKind, Disposition, Segment
from tests.conformance.backends import Backend, sql_backend
from tests.conformance.conftest import copied
from tests.conformance.families import parent_of, parking
from tests.conformance.steps import (
    batch,
    claimed,
    deliver,
    dispatch,
    leased,
    new_execution,
    parked,
    row,
)
from tests.durable.executions import ended

DATA = b'{"json":{"nodeId":"\xc3\xa4","n":1.10,"s":"\\u0000"}}'


async def a_tree(backend: Backend) -> None:
    """A running parent with a large value, an ended child and one that was never started."""
    lease = await leased(backend, "EX1")
    await backend.journal.append(batch(lease, 1, data=DATA, blobs=(Blob("b1", b"\x00\xff"),)))
    for child in ("EX2", "EX3"):
        more = {"root_execution_id": "EX1", "parent_execution_id": "EX1", "depth": 1}
        await backend.journal.create(new_execution(backend, child, **more))
    await deliver(backend, "stop", to="EX2")
    await deliver(backend, "stop", to="EX1")


async def exported(backend: Backend, path: Path, execution_id: str = "EX1") -> Archive:
    assert backend.database is not None
    return written(path, [line async for line in export(backend.database, execution_id)])


def written(path: Path, lines: list[bytes]) -> Archive:
    path.write_bytes(b"".join(lines))
    return read_archive(path)


async def restored(backend: Backend, archive: Archive) -> list[Segment]:
    assert backend.database is not None
    assert backend.dispatcher is not None
    return await restore(backend.database, backend.dispatcher, archive, now=backend.clock())


def rows(archive: Archive, *apart: str) -> dict[str, Any]:
    """All rows, without the columns that a way through another database changes."""
    return {
        name: [{key: value for key, value in each.items() if key not in apart} for each in found]
        for name, found in archive.rows.items()
    }


async def test_there_and_back_again(
    tmp_path: Path, postgres_url: str, upgraded_template: str
) -> None:
    file = tmp_path / "execution.jsonl"
    async with sql_backend(f"sqlite:///{tmp_path / 'a.db'}") as first:
        await a_tree(first)
        here = await exported(first, file)
    async with sql_backend(copied(postgres_url, upgraded_template)) as second:
        assert await restored(second, here) == [Segment("EX1", 2)]
        there = await exported(second, file)
    async with sql_backend(f"sqlite:///{tmp_path / 'b.db'}") as third:
        assert await restored(third, there) == [Segment("EX1", 3)]
        back = await exported(third, file, "EX3")
    changed = ("num", "disp", "queued_at", "updated_at")
    assert rows(here, *changed) == rows(there, *changed) == rows(back, *changed)
    assert DATA in [each["data"] for each in back.of(t.journal)]


async def test_what_was_held_goes_on_and_what_rested_rests(
    sql_only: Backend, tmp_path: Path
) -> None:
    async with sql_backend(f"sqlite:///{tmp_path / 'a.db'}") as elsewhere:
        await a_tree(elsewhere)
        archive = await exported(elsewhere, tmp_path / "x")
    (segment,) = await restored(sql_only, archive)
    lease = await claimed(sql_only, segment)
    await sql_only.journal.append(batch(lease, 2))
    unread = await sql_only.journal.inbox("EX1", (await dispatch(sql_only)).inbox_cursor)
    assert [each.kind for each in unread] == ["stop"]
    assert (await dispatch(sql_only, "EX2")).disposition is Disposition.DONE
    assert (await dispatch(sql_only, "EX3")).disposition is Disposition.PARKED
    assert (await deliver(sql_only, "start", to="EX3")).woke == 1
    assert await sql_only.journal.blobs("EX1", ["b1"]) == {"b1": b"\x00\xff"}


async def test_what_is_due_pending_and_untold_comes_along(
    sql_only: Backend, tmp_path: Path
) -> None:
    async with sql_backend(f"sqlite:///{tmp_path / 'a.db'}") as elsewhere:
        await parent_of(elsewhere, "EX2", "EX3", "EX4")
        lease = await claimed(elsewhere, Segment("EX2", 1))
        await elsewhere.journal.append(parking(lease, 1, wake_at=elsewhere.clock() + 5))
        await deliver(elsewhere, "stop", to="EX3")
        await deliver(elsewhere, "signal")
        lease = await claimed(elsewhere, Segment("EX1", 2))
        pause = Command("p1", CommandKind.PAUSE, "ann", {"tree": True, "reason": "a\0b"})
        await elsewhere.journal.append(parking(lease, 2, seen=2, cascade=pause))
        archive = await exported(elsewhere, tmp_path / "x")
    await restored(sql_only, archive)
    sql_only.clock.move(5)
    assert await sql_only.errands.wake_due() == [Segment("EX2", 2)]
    assert (await sql_only.errands.cascade()).reached == ["EX2", "EX4"]
    await sql_only.errands.tell_parents()
    assert (await dispatch(sql_only)).open_children == 2


async def test_a_file_of_the_first_release_is_read(sql_only: Backend, tmp_path: Path) -> None:
    await leased(sql_only)
    archive = await exported(sql_only, tmp_path / "x")
    newer = ("open_children", "parent_told", "cascade", "wake_at", "awaited", "forked_from")
    older = Archive("EX1", rows(archive, *newer))
    there = await ArchiveJournal(older).get("EX1")
    assert there is not None
    async with sql_backend(f"sqlite:///{tmp_path / 'a.db'}") as elsewhere:
        assert await restored(elsewhere, older) == [Segment("EX1", 2)]
        assert (await dispatch(elsewhere)).open_children == there.dispatch.open_children == 0


async def test_a_known_execution_is_refused_and_nothing_changes(
    sql_only: Backend, tmp_path: Path
) -> None:
    await ended(sql_only, "EX1")
    archive = await exported(sql_only, tmp_path / "x")
    before = await row(sql_only)
    with pytest.raises(BadInput, match="EX1 is in the database already"):
        await restored(sql_only, archive)
    assert await row(sql_only) == before


async def test_an_unknown_execution_cannot_be_exported(sql_only: Backend, tmp_path: Path) -> None:
    with pytest.raises(ExecutionNotFound):
        await exported(sql_only, tmp_path / "x", "EXnobody")


async def test_a_file_can_be_read_like_a_database(sql_only: Backend, tmp_path: Path) -> None:
    await a_tree(sql_only)
    journal = ArchiveJournal(await exported(sql_only, tmp_path / "x"))
    for execution_id in ("EX1", "EX2", "EX3"):
        here, there = await sql_only.journal.get(execution_id), await journal.get(execution_id)
        assert here is not None
        assert there is not None
        assert here.row == there.row
        entries = await sql_only.journal.read(execution_id, 0, 100)
        assert await journal.read(execution_id, 0, 100) == entries
    assert await journal.flow_of("hash-1") == b'{"nodes":[]}'
    assert await journal.blobs("EX1", ["b1"]) == {"b1": b"\x00\xff"}


@pytest.fixture
async def whole(tmp_path: Path) -> bytes:
    async with sql_backend(f"sqlite:///{tmp_path / 'a.db'}") as backend:
        await parked(backend)
        await exported(backend, tmp_path / "x")
    return (tmp_path / "x").read_bytes()


def reading(tmp_path: Path, content: bytes) -> str:
    """Why a file with this content is refused."""
    file = tmp_path / "damaged"
    file.write_bytes(content)
    with pytest.raises(BadInput) as refused:
        read_archive(file)
    return str(refused.value).partition("execution: ")[2]


async def test_a_file_that_was_cut_anywhere_is_refused(tmp_path: Path, whole: bytes) -> None:
    for cut in range(1, len(whole), 7):
        assert reading(tmp_path, whole[:cut]) in (
            "its end is missing",
            "it begins with something else",
            "it has been damaged",
        )
    packed = gzip.compress(whole)
    for cut in range(20, len(packed), 11):
        assert reading(tmp_path, packed[:cut]) == "its end is missing"


async def test_a_file_that_was_changed_is_refused(tmp_path: Path, whole: bytes) -> None:
    assert reading(tmp_path, whole.replace(b"V2flow", b"V2flaw")).startswith("it has been changed")
    first, second, *rest = whole.splitlines(keepends=True)
    assert reading(tmp_path, b"".join((first, *rest))).startswith("it has been changed")
    assert reading(tmp_path, b"nodes: {}\n") == "it begins with something else"
    later = whole.replace(b'"version":2', b'"version":3')
    assert reading(tmp_path, later) == "its format is 3, this release knows 2"
    assert second.startswith(b'["chaingraph_snapshots"')
