"""The lives of processes: each brings one execution to its end, if nobody cuts it short."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from chaingraph.engine.channel import Channel
from chaingraph.engine.graph import compile_flow
from chaingraph.engine.state import FlowState
from chaingraph.execution.boundary import set_hook
from chaingraph.execution.reading import read_events
from chaingraph.execution.records import LOCAL
from chaingraph.execution.verify import verify
from chaingraph.flow.codec import read_flow
from chaingraph.modes import House, open_house
from chaingraph.settings import Settings
from tests.crash.kinds import EFFECTS, FLOWS, built, catalog

#: The exit code of a process that was cut short.
KILLED = 137
PATIENCE = 20.0


@dataclass(frozen=True)
class Life:
    """What one process is to do, and where it is cut short."""

    url: str
    flow: str
    folder: str
    #: the number of the boundary at which the process ends; 0 lets it live
    die_at: int = 0
    #: with the queue, as `serve`; without it, as `run`
    dispatch: bool = False
    #: the execution is stopped when this node has started
    stop_at: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Boundaries:
    """Counts the boundaries, from any thread, and ends the process at one of them."""

    def __init__(self, die_at: int) -> None:
        self._die_at = die_at
        self._lock = threading.Lock()
        self.names: list[str] = []

    def __call__(self, name: str) -> None:
        with self._lock:
            self.names.append(name)
            if len(self.names) == self._die_at:
                os._exit(KILLED)


def live(life: Life) -> None:
    """Live this life and end the process. Its report is a file in the folder."""
    boundaries = Boundaries(life.die_at)
    set_hook(boundaries)
    folder = Path(life.folder)
    os.environ[EFFECTS] = str(folder / "effects")

    def leave(report: dict[str, Any]) -> None:
        report["boundaries"] = boundaries.names
        (folder / "report.json").write_text(json.dumps(report))
        os._exit(0)

    asyncio.run(_bring_to_its_end(life, leave))
    os._exit(1)


async def _bring_to_its_end(life: Life, leave: Callable[[dict[str, Any]], None]) -> None:
    settings = Settings(database=life.url, lease_seconds=3.0, slots=4)
    types = catalog()
    async with asyncio.timeout(PATIENCE), open_house(settings, types) as house:
        await house.service.import_flow(LOCAL, built(FLOWS[life.flow], types))
        execution_id = await house.service.create(
            LOCAL, f"V2{life.flow}", idempotency_key="the only one"
        )
        async with _working(house, life, execution_id):
            await house.service.start(LOCAL, execution_id, command_id="start")
            if life.stop_at:
                await _until_started(house, execution_id, life.stop_at)
                await house.service.stop(LOCAL, execution_id, command_id="stop")
            async for _ in house.service.follow(LOCAL, execution_id, view="compact"):
                pass
            leave(await report(house, execution_id))


def _working(house: House, life: Life, execution_id: str) -> AbstractAsyncContextManager[None]:
    return house.working(only=None if life.dispatch else frozenset((execution_id,)))


async def _until_started(house: House, execution_id: str, node_id: str) -> None:
    async for events in house.service.follow(LOCAL, execution_id, view="compact"):
        started = (each for each in events if each.type == "node:started")
        if any(each.data["nodeId"] == node_id for each in started):
            return


async def report(house: House, execution_id: str) -> dict[str, Any]:
    """All that is to be compared of an ended execution."""
    stored = await house.journal.get(execution_id)
    assert stored is not None
    flow = await house.journal.flow_of(stored.dispatch.snapshot)
    state = FlowState(compile_flow(read_flow(json.loads(flow)), house.catalog))
    events = []
    async for batch in read_events(house.journal, stored, 0, stored.dispatch.next_position):
        events += batch
    for event in events:
        state.apply(event.type, event.data)
    return {
        "findings": [str(each) for each in verify(stored, events)],
        "status": stored.row.status,
        "types": [[each.type, each.data.get("nodeId")] for each in events],
        "nodes": {
            node_id: {
                "outcome": node.outcome,
                "values": {port: _plain(value) for port, value in node.values.items()},
            }
            for node_id, node in state.nodes.items()
        },
    }


def _plain(value: Any) -> Any:
    return [value.items, value.closed, value.error] if isinstance(value, Channel) else value
