"""The moves of an execution's life, as short as tests want them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

from chaingraph.execution.commands import Answer
from chaingraph.execution.fold import Folded
from chaingraph.execution.ports import Append, NewExecution
from chaingraph.execution.records import (
    Command,
    CommandKind,
    Dispatch,
    Entry,
    ExecutionRow,
    Lease,
    Segment,
    Status,
    WorkerRow,
)
from tests.conformance.backends import Backend

COMPLETED = b'{"json":{"executionTime":0}}'


def new_execution(backend: Backend, execution_id: str = "EX1", **more: Any) -> NewExecution:
    return NewExecution(
        id=execution_id,
        flow_id=more.pop("flow_id", "V2flow"),
        owner_id=more.pop("owner_id", "local"),
        snapshot="hash-1",
        flow=b'{"nodes":[]}',
        created=Entry(0, "execution:created", backend.clock(), b'{"json":{}}'),
        root_execution_id=more.pop("root_execution_id", execution_id),
        **more,
    )


def command(kind: str = "start", command_id: str = "", **data: Any) -> Command:
    return Command(command_id or uuid4().hex, CommandKind(kind), "local", data)


async def deliver(backend: Backend, kind: str, command_id: str = "", to: str = "EX1") -> Answer:
    return await backend.journal.deliver(to, command(kind, command_id))


async def join(backend: Backend, worker_id: str = "w1", **more: Any) -> WorkerRow:
    worker = replace(WorkerRow(worker_id, "host", 4711, 1700000000.25, 0, True), **more)
    await backend.fleet.join(worker)
    return worker


async def parked(backend: Backend, execution_id: str = "EX1") -> str:
    return await backend.journal.create(new_execution(backend, execution_id))


async def queued(backend: Backend, execution_id: str = "EX1", owner: str = "local") -> Segment:
    await backend.journal.create(new_execution(backend, execution_id, owner_id=owner))
    answer = await deliver(backend, "start", to=execution_id)
    assert answer.woke is not None
    return Segment(execution_id, answer.woke)


async def leased(backend: Backend, execution_id: str = "EX1", worker_id: str = "w1") -> Lease:
    segment = await queued(backend, execution_id)
    return await claimed(backend, segment, worker_id)


async def claimed(backend: Backend, segment: Segment, worker_id: str = "w1") -> Lease:
    if worker_id not in {each.id for each in await backend.fleet.workers()}:
        await join(backend, worker_id)
    lease = await backend.journal.claim(segment, worker_id)
    assert lease is not None
    return lease


def batch(lease: Lease, expected: int, *types: str, **more: Any) -> Append:
    """An append of events of these types."""
    data = more.pop("data", b'{"json":{}}')
    types = types or ("node:started",)
    return Append(
        lease=lease,
        batch_id=more.pop("batch_id", uuid4().hex),
        expected=expected,
        entries=tuple(Entry(expected + n, t, 1_000 + n, data) for n, t in enumerate(types)),
        cursor=more.pop("cursor", 1),
        root_execution_id=lease.execution_id,
        **more,
    )


def ending(lease: Lease, expected: int, *, seen: int = 1, **more: Any) -> Append:
    """The append of `flow:completed`."""
    folded = Folded(Status.COMPLETED, started_at=1_000, completed_at=2_000)
    return batch(
        lease,
        expected,
        "flow:completed",
        folded=folded,
        ends=True,
        seen=seen,
        data=COMPLETED,
        **more,
    )


async def row(backend: Backend, execution_id: str = "EX1") -> ExecutionRow:
    stored = await backend.journal.get(execution_id)
    assert stored is not None
    return stored.row


async def dispatch(backend: Backend, execution_id: str = "EX1") -> Dispatch:
    stored = await backend.journal.get(execution_id)
    assert stored is not None
    return stored.dispatch


async def types(backend: Backend, execution_id: str = "EX1") -> list[str]:
    return [each.type for each in await backend.journal.read(execution_id, 0, 10_000)]


async def positions(backend: Backend, execution_id: str = "EX1") -> list[int]:
    return [each.position for each in await backend.journal.read(execution_id, 0, 10_000)]
