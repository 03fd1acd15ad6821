"""A server process that is killed, and started again on the same port and data."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chaingraph.client import AsyncClient, Client, Event, Status
from chaingraph.execution.principals import LOCAL
from chaingraph.flow.codec import parse_flow_text
from chaingraph.modes import open_house
from chaingraph.nodes import builtin_catalog
from chaingraph.settings import Settings
from tests.cli.conftest import PROGRAM
from tests.servers import free_port

FLOW = """
id: slow
nodes:
  one: {type: SleepNode, inputs: {duration: 100}}
  two: {type: SleepNode}
  three: {type: SleepNode}
edges: [one.actualDuration -> two.duration, two.actualDuration -> three.duration]
"""


class Process:
    """`chaingraph serve` on its data."""

    def __init__(self, data_dir: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._command = [*PROGRAM, "serve", "--port", str(port), "--data-dir", str(data_dir)]

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def killed_at_the_end(server: Process) -> Iterator[None]:
    server.start()
    try:
        yield
    finally:
        server.kill()


@pytest.fixture
async def server(data_dir: Path) -> AsyncIterator[Process]:
    """A running server that has the flow."""
    catalog = builtin_catalog()
    async with open_house(Settings(data_dir=data_dir), catalog) as house:
        await house.service.import_flow(LOCAL, parse_flow_text(FLOW, "the flow", catalog))
    server = Process(data_dir)
    with killed_at_the_end(server):
        yield server


async def test_a_follower_sees_every_event_once_through_two_kills(server: Process) -> None:
    async with AsyncClient(server.url) as client:
        execution_id = await client.create("slow")
        await client.start(execution_id)
        seen: list[Event] = []
        kills = 0
        async for event in client.follow(execution_id):
            seen.append(event)
            if event.type == "node:started" and kills < 2:
                kills += 1
                server.kill()
                server.start()
        assert [each.position for each in seen] == list(range(len(seen)))
        assert seen == [each async for each in client.follow(execution_id)]
        assert (await client.details(execution_id)).status is Status.COMPLETED


def test_calls_wait_for_a_server_that_is_away(server: Process) -> None:
    with Client(server.url) as client:
        execution_id = client.create("slow")
        server.kill()
        server.start()
        client.start(execution_id)
        assert [each.type for each in client.follow(execution_id)][-1] == "flow:completed"
