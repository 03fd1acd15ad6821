"""What somebody does with executions in one life of a process.

A later life does all of it again, under the same command ids, and finds much of it done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaingraph.execution.principals import LOCAL
from chaingraph.execution.records import ExecutionRow
from chaingraph.execution.service import Service
from chaingraph.modes import House
from tests.crash.effects import gate
from tests.crash.reports import Report, tree_reports


@dataclass(frozen=True)
class Caller:
    """Makes executions of one flow and works on them, alone or with the queue."""

    house: House
    flow_id: str
    effects: Path
    dispatch: bool
    working: AsyncExitStack

    @property
    def service(self) -> Service:
        return self.house.service

    async def running(self, options: Mapping[str, Any] | None = None) -> str:
        """The execution of this flow, which is started and worked on."""
        execution_id = await self.service.create(
            LOCAL, self.flow_id, options=options, idempotency_key="the only one"
        )
        await self.work_on(execution_id)
        await self.service.start(LOCAL, execution_id, command_id="start")
        return execution_id

    async def work_on(self, execution_id: str) -> None:
        only = None if self.dispatch else frozenset((execution_id,))
        await self.working.enter_async_context(self.house.working(only=only))

    async def until(self, execution_id: str, type_: str, node_id: str | None = None) -> None:
        """Return when the journal has this event."""
        async for events in self.service.follow(LOCAL, execution_id, view="compact"):
            if any(e.type == type_ and node_id in (None, e.data.get("nodeId")) for e in events):
                return

    async def end_of(self, execution_id: str) -> None:
        """Return when the execution and all its descendants have ended."""
        async for _ in self.service.follow_tree(LOCAL, execution_id, view="compact"):
            pass

    async def family(
        self, execution_id: str, size: int, are_so: Callable[[Sequence[ExecutionRow]], bool]
    ) -> list[ExecutionRow]:
        """The rows of a tree when there are so many and they are so."""
        while True:
            rows = [each.row for each in await self.house.journal.tree(execution_id)]
            if len(rows) == size and are_so(rows):
                return rows
            await asyncio.sleep(0.02)


Act = Callable[[Caller], Awaitable[dict[str, Report]]]


async def run(caller: Caller) -> dict[str, Report]:
    execution_id = await caller.running()
    return await _ended(caller, execution_id)


async def stop(caller: Caller) -> dict[str, Report]:
    execution_id = await caller.running()
    await caller.until(execution_id, "node:started", "endless")
    await caller.service.stop(LOCAL, execution_id, command_id="stop")
    return await _ended(caller, execution_id)


async def pause(caller: Caller) -> dict[str, Report]:
    """In the middle of a body; what comes meanwhile is kept."""
    execution_id = await caller.running()
    await caller.until(execution_id, "node:started", "first")
    await caller.service.pause(LOCAL, execution_id, command_id="pause")
    await caller.until(execution_id, "flow:paused")
    await caller.service.signal(LOCAL, execution_id, "go", 7, command_id="go")
    await caller.service.resume(LOCAL, execution_id, command_id="resume")
    return await _ended(caller, execution_id)


async def debug(caller: Caller) -> dict[str, Report]:
    """A breakpoint, a step, another breakpoint."""
    execution_id = await caller.running({"breakpoints": ["b"]})
    service = caller.service
    await caller.until(execution_id, "debug:breakpoint-hit", "b")
    await service.step(LOCAL, execution_id, command_id="step")
    await caller.until(execution_id, "node:completed", "b")
    await service.set_breakpoints(LOCAL, execution_id, ["d"], command_id="set")
    await service.resume(LOCAL, execution_id, command_id="resume")
    await caller.until(execution_id, "debug:breakpoint-hit", "d")
    await service.resume(LOCAL, execution_id, command_id="resume again")
    return await _ended(caller, execution_id)


async def answer(caller: Caller) -> dict[str, Report]:
    """One signal comes before anybody waits for it."""
    execution_id = await caller.running()
    await caller.service.signal(LOCAL, execution_id, "early", 1, command_id="early")
    await caller.until(execution_id, "node:waiting", "late")
    await caller.service.signal(LOCAL, execution_id, "late", 2, command_id="late")
    return await _ended(caller, execution_id)


async def fork(caller: Caller) -> dict[str, Report]:
    execution_id = await caller.running()
    ended = await _ended(caller, execution_id)
    forked = await caller.service.fork(LOCAL, execution_id, nodes=["c"], idempotency_key="fork")
    await caller.work_on(forked)
    return ended | await _ended(caller, forked, "fork")


async def retry(caller: Caller) -> dict[str, Report]:
    """What failed at a closed gate is tried again when it is open."""
    execution_id = await caller.running()
    ended = await _ended(caller, execution_id)
    gate(caller.effects).touch()
    forked = await caller.service.retry(LOCAL, execution_id, idempotency_key="retry")
    await caller.work_on(forked)
    return ended | await _ended(caller, forked, "fork")


async def fork_live(caller: Caller) -> dict[str, Report]:
    """Fork what waits; each of the two gets its signal."""
    execution_id, service = await caller.running(), caller.service
    await service.signal(LOCAL, execution_id, "early", 1, command_id="early")
    await caller.until(execution_id, "node:waiting", "late")
    forked = await service.fork(LOCAL, execution_id, idempotency_key="fork")
    await caller.work_on(forked)
    for each in (execution_id, forked):
        await service.signal(LOCAL, each, "late", 2, command_id="late")
    return await _ended(caller, execution_id) | await _ended(caller, forked, "fork")


async def mend(caller: Caller) -> dict[str, Report]:
    """What is out of tries holds the execution until somebody has opened the gate."""
    execution_id = await caller.running()
    await caller.until(execution_id, "flow:paused")
    gate(caller.effects).touch()
    await caller.service.resume(LOCAL, execution_id, command_id="resume")
    return await _ended(caller, execution_id)


async def stop_paused(caller: Caller) -> dict[str, Report]:
    execution_id = await caller.running()
    await caller.service.pause(LOCAL, execution_id, command_id="pause")
    await caller.until(execution_id, "flow:paused")
    await caller.service.stop(LOCAL, execution_id, command_id="stop")
    return await _ended(caller, execution_id)


async def stop_tree(caller: Caller) -> dict[str, Report]:
    execution_id = await caller.running()
    await caller.family(execution_id, 4, _have_all_started)
    await caller.service.stop(LOCAL, execution_id, command_id="stop")
    return await _ended(caller, execution_id)


async def pause_tree(caller: Caller) -> dict[str, Report]:
    """The whole tree is paused and goes on; then each child gets its signal."""
    execution_id, service = await caller.running(), caller.service
    rows = await caller.family(execution_id, 4, _have_all_started)
    await service.pause(LOCAL, execution_id, tree=True, command_id="pause")
    for row in rows:
        await caller.until(row.id, "flow:paused")
    await service.resume(LOCAL, execution_id, command_id="resume")
    for row in rows[1:]:
        await caller.until(row.id, "flow:resumed")
        await service.signal(LOCAL, row.id, "go", 7, command_id="go")
    return await _ended(caller, execution_id)


async def pause_parent(caller: Caller) -> dict[str, Report]:
    """The ends of its children wait for a parent that is paused."""
    execution_id, service = await caller.running(), caller.service
    _, *children = await caller.family(execution_id, 4, _have_all_started)
    await service.pause(LOCAL, execution_id, command_id="pause")
    await caller.until(execution_id, "flow:paused")
    for row in children:
        await service.signal(LOCAL, row.id, "go", 7, command_id="go")
    for row in children:
        await caller.end_of(row.id)
    await service.resume(LOCAL, execution_id, command_id="resume")
    return await _ended(caller, execution_id)


async def lose_a_child(caller: Caller) -> dict[str, Report]:
    """A parent that fails with a child takes the others with it."""
    execution_id = await caller.running({"execution": {"childFailure": "fail"}})
    rows = await caller.family(execution_id, 4, _have_all_started)
    (lost,) = (row for row in rows if (row.external_events or [{}])[0].get("eventName") == "a")
    await caller.service.stop(LOCAL, lost.id, command_id="stop")
    return await _ended(caller, execution_id)


def _have_all_started(rows: Sequence[ExecutionRow]) -> bool:
    return all(row.started_at is not None for row in rows)


async def _ended(caller: Caller, execution_id: str, name: str = "root") -> dict[str, Report]:
    await caller.end_of(execution_id)
    return await tree_reports(caller.house, execution_id, name)


ACTS: dict[str, Act] = {
    each.__name__: each
    for each in (
        run, stop, pause, debug, answer, fork, fork_live, retry, mend, stop_paused, stop_tree,
        pause_tree, pause_parent, lose_a_child,
    )
}  # fmt: skip
