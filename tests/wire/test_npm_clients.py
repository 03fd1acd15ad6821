"""The npm clients, unmodified, against a real server on a real port."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from chaingraph.api.app import build_app
from tests.api.fake_service import FakeService

CLIENT = Path(__file__).parent / "client"
TYPES = ["execution:created", "flow:started", "node:started", "node:completed", "flow:completed"]
ALL_TYPES = [*TYPES[:3], "node:stream-chunk", *TYPES[3:]]
NODE = {"id": "n0", "metadata": {"type": "MathNode"}}


@pytest.fixture(scope="module")
def client(npm: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client's folder with its packages, exactly those of the lock file."""
    folder = tmp_path_factory.mktemp("npm") / "client"
    shutil.copytree(CLIENT, folder, ignore=shutil.ignore_patterns("node_modules"))
    install = [*npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    result = subprocess.run(install, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode:
        pytest.skip(f"npm could not install the clients: {result.stderr.strip()[-300:]}")
    return folder


@asynccontextmanager
async def serving() -> AsyncIterator[str]:
    """A server with a fake service; yields its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        build_app(FakeService()), ws="websockets-sansio", log_level="warning", lifespan="off"
    )
    server = uvicorn.Server(config)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve(sockets=[listener]))
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True


async def drive(node: Path, client: Path, scenario: str, path: str) -> dict[str, Any]:
    """What the client saw in `scenario` at the server's `path`."""
    async with serving() as address:
        process = await asyncio.create_subprocess_exec(
            node,
            "drive.mjs",
            scenario,
            f"http://{address}/trpc",
            f"ws://{address}{path}",
            cwd=client,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    seen: dict[str, Any] = json.loads(output)
    return seen


def check_calls(seen: dict[str, Any]) -> None:
    """Everything beside the events, which is the same for all clients."""
    assert seen["success"] is True
    assert seen["error"] is None
    assert seen["started"] == 1
    assert seen["status"] == "completed"
    assert seen["createdAtIsDate"] is True
    assert seen["options"] == {"debug": True}
    assert seen["tree"] == [[seen["executionId"], 0]]
    assert seen["roots"] == [seen["executionId"]]
    assert seen["refused"] == {
        "code": "BAD_REQUEST",
        "httpStatus": 400,
        "path": "start",
        "zodError": None,
    }
    assert seen["invalid"]["zodError"] == {
        "formErrors": [],
        "fieldErrors": {"flowId": ["Required"]},
    }


async def test_a_client_of_the_original_sees_custom_events_and_stays_subscribed(
    node: Path, client: Path
) -> None:
    seen = await drive(node, client, "original", "/")
    check_calls(seen)
    assert seen["types"] == TYPES
    assert seen["indexes"][:3] == [-1, 0, 1]
    assert seen["completedByItself"] is False
    assert seen["timesAreDates"] is True
    assert seen["flowCreatedAt"] == "2026-01-01T00:00:00.000Z"
    assert seen["node"] == NODE


@pytest.mark.parametrize("scenario", ["plain", "batches", "lines"])
async def test_any_client_sees_plain_events_and_the_end(
    scenario: str, node: Path, client: Path
) -> None:
    seen = await drive(node, client, scenario, "/trpc")
    check_calls(seen)
    assert seen["types"] == ALL_TYPES
    assert seen["indexes"] == [-1, 0, 1, 2, 3, 4]
    assert seen["completedByItself"] is True
    assert seen["timesAreDates"] is True
    assert seen["node"] == NODE
