"""A command against the end of the execution, or of a segment: one of two things happens, and
never a third."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from chaingraph.engine.events import EventType
from chaingraph.errors import IllegalTransition
from chaingraph.execution.principals import LOCAL
from chaingraph.execution.reading import decode
from chaingraph.execution.records import Disposition, Status
from chaingraph.execution.verify import verify
from chaingraph.flow.build import FlowBuilder
from chaingraph.flow.model import Flow
from tests.conformance.backends import Backend, memory_backend, sql_backend
from tests.lifecycle.flows import Bodies, built
from tests.lifecycle.workers import Workplace

OFTEN, SELDOM = 1_000, 60


def quick(flow: FlowBuilder) -> None:
    first = flow.add("Inc", "first")
    paid = flow.add("Pay", "paid", number=first["result"])
    again = flow.add("Pay", "again", number=paid["result"])
    flow.add("Inc", "last", number=again["result"])


def asking(flow: FlowBuilder) -> None:
    wait = flow.add("WaitForSignalNode", "wait", name="go")
    flow.add("Pay", "paid", number=wait["value"])


Command = Callable[[str], Awaitable[None]]


@dataclass
class Course:
    """Where executions of one flow race with commands."""

    flow: Flow
    backend: Backend
    bodies: Bodies
    place: Workplace
    #: seconds that an execution takes
    length: float = 0.0

    async def prepare(self) -> None:
        await self.place.open()
        await self.place.service.import_flow(LOCAL, self.flow)
        for _ in range(3):
            execution_id, began = await self._started(), self._now()
            await self.place.work(0, execution_id)
            self.length = self._now() - began

    async def race(self, command: Command) -> tuple[str, bool]:
        """An execution, and whether it was still early enough for the command."""
        execution_id = await self._started()
        sending = asyncio.create_task(self._send(command, execution_id))
        await self.place.work(0, execution_id)
        accepted = await sending
        await self.place.quiet()
        await self.place.work(0, execution_id)  # if the command came before there was a worker
        return execution_id, accepted

    async def _send(self, command: Command, execution_id: str) -> bool:
        await asyncio.sleep(random.uniform(0, 1.2) * self.length)
        try:
            await command(execution_id)
        except IllegalTransition as error:
            assert "completed" in str(error)
            return False
        return True

    async def verified(self, execution_id: str) -> Status:
        """The status of an execution whose journal keeps its promises, and that is at rest."""
        stored = await self.backend.journal.get(execution_id)
        assert stored is not None
        events = [decode(e) for e in await self.backend.journal.read(execution_id, 0, 1_000)]
        assert verify(stored, events) == []
        at_rest = Disposition.DONE if stored.row.status.is_terminal else Disposition.PARKED
        assert stored.dispatch.disposition is at_rest
        return stored.row.status

    def effects(self, execution_id: str) -> list[int]:
        return [self.bodies.calls[execution_id, node_id] for node_id in ("paid", "again")]

    async def has_parked(self, execution_id: str) -> bool:
        entries = await self.backend.journal.read(execution_id, 0, 1_000)
        return EventType.FLOW_PARKED in [each.type for each in entries]

    async def _started(self) -> str:
        execution_id = await self.place.service.create(LOCAL, self.flow.id)
        await self.place.service.start(LOCAL, execution_id)
        return execution_id

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


async def races(backend: Backend, command: str, rounds: int) -> None:
    bodies, (draw, race) = Bodies(), RACES[command]
    place = Workplace(backend, bodies.catalog())
    course = Course(built(draw, place.catalog), backend, bodies, place)
    await course.prepare()
    won = Counter([await race(course) for _ in range(rounds)])
    assert won[True] > 0 and won[False] > 0, "no race at all"
    await course.place.close()


async def race_with_pause(course: Course) -> bool:
    """Paused, and completed after a resume; or refused, and completed."""
    service = course.place.service
    execution_id, accepted = await course.race(lambda each: service.pause(LOCAL, each))
    status = await course.verified(execution_id)
    assert status is (Status.PAUSED if accepted else Status.COMPLETED)
    if accepted:
        await service.resume(LOCAL, execution_id)
        await course.place.work(0, execution_id)
        assert await course.verified(execution_id) is Status.COMPLETED
    assert course.effects(execution_id) == [1, 1]
    return accepted


async def race_with_stop(course: Course) -> bool:
    """Stopped, or refused and completed."""
    service = course.place.service
    execution_id, accepted = await course.race(lambda each: service.stop(LOCAL, each))
    status = await course.verified(execution_id)
    assert status is (Status.STOPPED if accepted else Status.COMPLETED)
    assert max(course.effects(execution_id)) <= 1
    return accepted


async def race_with_signal(course: Course) -> bool:
    """It comes before the execution parks, or wakes it: nobody sleeps over a signal."""
    service = course.place.service
    execution_id, accepted = await course.race(lambda each: service.signal(LOCAL, each, "go", 1))
    assert accepted and await course.verified(execution_id) is Status.COMPLETED
    assert course.effects(execution_id) == [1, 0]
    return await course.has_parked(execution_id)


RACES = {
    "pause": (quick, race_with_pause),
    "stop": (quick, race_with_stop),
    "signal": (asking, race_with_signal),
}


@pytest.mark.parametrize("command", list(RACES))
async def test_a_command_races_with_the_end_in_memory(command: str) -> None:
    await races(memory_backend(), command, SELDOM)


@pytest.mark.parametrize("command", list(RACES))
async def test_a_command_races_with_the_end(command: str, tmp_path: Path) -> None:
    async with sql_backend(f"sqlite:///{tmp_path / 'chaingraph.db'}") as backend:
        await races(backend, command, SELDOM)


@pytest.mark.chaos
@pytest.mark.parametrize("command", list(RACES))
async def test_a_command_races_with_the_end_in_memory_often(command: str) -> None:
    await races(memory_backend(), command, OFTEN)


@pytest.mark.chaos
@pytest.mark.parametrize("command", list(RACES))
async def test_a_command_races_with_the_end_often(command: str, tmp_path: Path) -> None:
    async with sql_backend(f"sqlite:///{tmp_path / 'chaingraph.db'}") as backend:
        await races(backend, command, OFTEN)
