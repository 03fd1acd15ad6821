"""Parents and children, by the real moves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chaingraph.execution.fold import Folded
from chaingraph.execution.ports import Append, NewExecution
from chaingraph.execution.records import Command, CommandKind, Lease, Segment, Status
from tests.conformance.backends import Backend
from tests.conformance.steps import batch, claimed, command, ending, leased, new_execution

STARTED = Folded(Status.RUNNING, started_at=1_000)
FAILED = Folded(Status.FAILED, 1_000, 2_000, "broke", "N1")
PAUSED = Folded(Status.PAUSED, started_at=1_000)


def new_child(backend: Backend, child_id: str, parent_id: str = "EX1", **more: Any) -> NewExecution:
    """A child that starts with its parent's append."""
    start = Command(f"{child_id}:start", CommandKind.START, "local", {})
    return new_execution(
        backend,
        child_id,
        **{
            "root_execution_id": "EX1",
            "parent_execution_id": parent_id,
            "depth": 1,
            "inbox": (start,),
            **more,
        },
    )


def parking(lease: Lease, expected: int, *, seen: int = 1, **more: Any) -> Append:
    """The append of `flow:parked`, of a running execution."""
    folded = more.pop("folded", STARTED)
    cursor = more.pop("cursor", seen)
    return batch(
        lease, expected, "flow:parked", folded=folded, parks=True, seen=seen, cursor=cursor, **more
    )


def failing(lease: Lease, expected: int, **more: Any) -> Append:
    return replace(ending(lease, expected, **more), folded=FAILED)


async def resting(backend: Backend, execution_id: str = "EX1", **more: Any) -> Lease:
    """A running execution that is parked and waits; the lease that it had."""
    lease = await leased(backend, execution_id)
    await backend.journal.append(parking(lease, 1, **more))
    return lease


async def parent_of(backend: Backend, *child_ids: str, **more: Any) -> None:
    """A parent that is parked and waits for its children, which are queued."""
    children = tuple(new_child(backend, each, **more) for each in child_ids)
    await resting(backend, children=children)


async def ends(backend: Backend, child_id: str, append: Any = ending) -> None:
    """A queued child runs and ends."""
    lease = await claimed(backend, Segment(child_id, 1))
    await backend.journal.append(append(lease, 1))


async def give(backend: Backend, to: str, kind: str, command_id: str = "", **data: Any) -> None:
    await backend.journal.deliver(to, command(kind, command_id, **data))
