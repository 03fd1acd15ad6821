"""Subscriptions of the npm clients while the server's process ends and another takes over."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaingraph.client import AsyncClient
from chaingraph.execution.principals import LOCAL
from chaingraph.flow.codec import parse_flow_text
from chaingraph.modes import open_house
from chaingraph.nodes import builtin_catalog
from chaingraph.settings import Settings
from tests.servers import free_port
from tests.wire.clients import Clients, Report
from tests.wire.server import SUM

PROGRAM = (sys.executable, "-c", "from chaingraph.cli import main; main()")
PARENT = """
id: parent
nodes:
  child: {type: RunFlowNode, inputs: {flowId: sum}}
  answer: {type: WaitForSignalNode, inputs: {name: approval}}
"""
HANDED_OVER = 1012
CUT = 1006


class Process:
    """`chaingraph serve` on its data."""

    def __init__(self, data_dir: Path) -> None:
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        self._command = [*PROGRAM, "serve", "--port", str(port), "--data-dir", str(data_dir)]

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)

    def end(self, how: signal.Signals) -> None:
        self._process.send_signal(how)
        self._process.wait()

    def restart(self, how: signal.Signals) -> None:
        self.end(how)
        self.start()


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A running server that has the flows."""
    data_dir = tmp_path_factory.mktemp("restarts")
    asyncio.run(store_flows(data_dir))
    process = Process(data_dir)
    process.start()
    yield process
    process.end(signal.SIGKILL)


async def store_flows(data_dir: Path) -> None:
    catalog = builtin_catalog()
    async with open_house(Settings(data_dir=data_dir), catalog) as house:
        for text in (SUM, PARENT):
            await house.service.import_flow(LOCAL, parse_flow_text(text, "a flow", catalog))


@pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, HANDED_OVER), (signal.SIGKILL, CUT)])
async def test_who_follows_a_tree_sees_every_event_once_through_a_restart(
    how: signal.Signals, code: int, clients: Clients, process: Process
) -> None:
    async with AsyncClient(f"http://{process.address}") as client:
        execution_id = await client.create("parent")
        await client.start(execution_id)
        async with clients.playing(
            "restarts", "through", process.address, executionId=execution_id
        ) as playing:
            assert await playing.heard() == "in the middle"
            await asyncio.to_thread(process.restart, how)
            await client.signal(execution_id, "approval", "yes")
            await playing.answer()
            seen = await playing.report()
        journal = [event.type async for event in client.follow(execution_id)]

    for name in ("socketTree", "eventSourceTree"):
        whole = by_execution(seen[name])
        assert whole[execution_id] == list(enumerate(journal, start=-1))
        assert len(whole) == 2
        for events in whole.values():
            assert [index for index, _ in events] == list(range(-1, len(events) - 1))
            assert events[-1][1] == "flow:completed"
        first, *again = seen[name]["resumedFrom"]
        assert first is None
        assert again
        assert set(again) <= set(seen[name]["ids"])

    # Without ids a client begins anew: it sees again what it saw, and misses nothing.
    replayed = [(index, type_) for _, index, type_ in seen["socketEvents"]["events"]]
    assert replayed[-len(journal) :] == list(enumerate(journal, start=-1))
    assert len(replayed) > len(journal)

    sockets = seen["socketTree"]
    assert sockets["opened"] == 2
    assert code in sockets["closed"]
    assert sockets["notices"] == (code == HANDED_OVER)


def by_execution(report: Report) -> dict[str, list[tuple[int, str]]]:
    """Index and type of the events of each execution."""
    assert (report["error"], report["completed"]) == (None, True)
    events: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for execution_id, index, type_ in report["events"]:
        events[execution_id].append((index, type_))
    return dict(events)
