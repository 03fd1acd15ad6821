"""API and workers as processes of their own, which meet in the database only."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from chaingraph.errors import BadInput, InvalidFlow
from chaingraph.execution.principals import LOCAL
from chaingraph.flow.codec import parse_flow_text, write_flow
from chaingraph.modes import load_catalog, open_house
from chaingraph.nodes import builtin_catalog
from chaingraph.settings import Settings
from tests.cli.conftest import PROGRAM, Program
from tests.servers import PostgresServer, free_port, new_database

OWN_NODES = """
from chaingraph.engine.authoring import node

@node()
def shout_node(text: str) -> str:
    return text.upper()
"""
FLOW = """
nodes:
  first: {type: TextNode, inputs: {text: hello}}
  loud: {type: ShoutNode}
edges: [first.text -> loud.text]
"""
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
#: More than any request may take, less than a person would wait.
PATIENCE = 6.0


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'chaingraph.db'}"
    found: str = request.getfixturevalue("postgres_database")
    return found


@pytest.fixture
def own_nodes(tmp_path: Path) -> Path:
    path = tmp_path / "own_nodes.py"
    path.write_text(OWN_NODES)
    return path


@contextmanager
def running(*words: str | Path, **environment: str) -> Iterator[tuple[Program, str]]:
    """A process that stays, and its address."""
    with subprocess.Popen(
        [*PROGRAM, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
    ) as process:
        try:
            program = Program(process)
            yield program, program.wait_for_line("http://").split()[-1]
        finally:
            process.kill()


def api(url: str) -> Any:
    return running("api", "--db", url, "--port", "0")


def worker(url: str, *words: str | Path) -> Any:
    return running("worker", "--db", url, "--health-port", "0", *words)


def call(address: str, name: str, **given: Any) -> httpx.Response:
    return httpx.post(f"{address}/trpc/{name}", json={"json": given}, timeout=PATIENCE)


def result(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]["data"]["json"]


def events(address: str, execution_id: str) -> Iterator[str]:
    """The types of the events, up to the last one."""
    asked = json.dumps({"json": {"executionId": execution_id}})
    path = f"{address}/trpc/subscribeToExecutionEvents"
    with httpx.stream("GET", path, params={"input": asked}, timeout=30) as stream:
        for line in stream.iter_lines():
            name, _, text = line.partition(": ")
            if name == "data" and isinstance(data := json.loads(text or "null"), dict):
                yield from (each["type"] for each in data.get("json") or ())


def test_a_flow_runs_by_a_worker_for_an_api_that_has_no_code_of_its_nodes(
    url: str, own_nodes: Path
) -> None:
    with worker(url, "--nodes", own_nodes) as (working, health), api(url) as (serving, address):
        assert httpx.get(f"{health}/ready").json()["status"] == "healthy"
        assert httpx.get(f"{address}/ready").json()["status"] == "healthy"
        printed = subprocess.run(
            [*PROGRAM, "flows", "import", flow_file(own_nodes), "--json", "--db", url],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        execution_id = result(call(address, "create", flowId=json.loads(printed)["id"]))[
            "executionId"
        ]
        result(call(address, "start", executionId=execution_id))
        seen = list(events(address, execution_id))
        assert (seen[0], seen[-1]) == ("execution:created", "flow:completed")
        assert seen.count("node:completed") == 2
        assert serving.send(signal.SIGTERM) == 0
        assert working.send(signal.SIGTERM) == 0


def flow_file(beside: Path) -> str:
    path = beside.with_name("flow.yaml")
    path.write_text(FLOW)
    return str(path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("words", [("serve", "--port", "0"), ("worker", "--health-port", "0")])
def test_a_signal_ends_a_process_in_order(
    words: tuple[str, ...], number: signal.Signals, tmp_path: Path
) -> None:
    with running(*words, "--data-dir", tmp_path) as (program, _):
        assert program.send(number) == 0


async def test_a_type_is_known_as_soon_as_a_worker_that_knows_it_has_joined(
    url: str, own_nodes: Path
) -> None:
    settings = Settings(database=url, nodes=(str(own_nodes),))
    flow = parse_flow_text(FLOW, "flow.yaml", load_catalog(settings))
    async with open_house(Settings(database=url), builtin_catalog()) as front:
        with pytest.raises(InvalidFlow, match="unknown type ShoutNode"):
            await front.service.import_flow(LOCAL, flow)
        async with open_house(settings) as house, house.working():
            stored = await front.service.import_flow(LOCAL, flow)
        assert await front.service.create(LOCAL, stored.id)


async def test_flows_may_live_in_the_database_of_the_editor(postgres_url: str) -> None:
    main, executions = new_database(postgres_url), new_database(postgres_url)
    settings = Settings(database=executions, flows_database=main)
    flow = parse_flow_text("nodes: {a: {type: TextNode}}", "flow.yaml", builtin_catalog())
    async with open_house(settings, builtin_catalog()) as house:
        await house.service.import_flow(LOCAL, flow)
        await house.service.create(LOCAL, flow.id)
        edited = json.dumps({**write_flow(flow), "nodes": [], "edges": []})
        with psycopg.connect(main, autocommit=True) as connection:
            connection.execute("UPDATE chaingraph_flows SET data = %s", [edited])
            tables = connection.execute(TABLES).fetchall()
        newest = await house.journal.get(await house.service.create(LOCAL, flow.id))
        assert newest is not None
        assert json.loads(await house.journal.flow_of(newest.dispatch.snapshot))["nodes"] == []
    names = [name for (name,) in tables]
    assert names == ["chaingraph_external_accounts", "chaingraph_flows", "chaingraph_users"]


def test_a_database_that_goes_away_and_comes_back(own_postgres_server: PostgresServer) -> None:
    url = new_database(own_postgres_server.url)
    flow_id = imported(url)
    with api(url) as (serving, address):
        execution_id = result(call(address, "create", flowId=flow_id))["executionId"]
        seen = events(address, execution_id)
        assert next(seen) == "execution:created"

        own_postgres_server.stop("immediate")
        assert httpx.get(f"{address}/health").status_code == 200
        assert httpx.get(f"{address}/ready", timeout=2).status_code == 503
        refused = call(address, "create", flowId=flow_id)
        assert refused.status_code == 503
        assert refused.json()["error"]["json"]["data"]["code"] == "SERVICE_UNAVAILABLE"

        own_postgres_server.start()
        result(call(address, "stop", executionId=execution_id))
        assert list(seen) == ["flow:cancelled"]
        assert httpx.get(f"{address}/ready").status_code == 200
        own_postgres_server.stop("immediate")
        assert serving.send(signal.SIGTERM) == 0


def test_a_server_waits_for_its_database_and_then_gives_up() -> None:
    url = f"postgresql://postgres@127.0.0.1:{free_port()}/nobody"
    done = subprocess.run(
        [*PROGRAM, "api", "--port", "0", "--db", url],
        capture_output=True,
        text=True,
        env={**os.environ, "CHAINGRAPH_STARTUP_SECONDS": "1"},
    )
    waited, *_, said = done.stderr.splitlines()
    assert done.returncode == 1
    assert "waiting for the database" in waited
    assert said.startswith("Error: The database ")


def test_a_server_that_ends_tells_its_clients_to_come_back(tmp_path: Path) -> None:
    with running("api", "--port", "0", "--data-dir", tmp_path) as (serving, address):
        with connect(address.replace("http", "ws") + "/trpc") as socket:
            serving.tell(signal.SIGTERM)
            assert json.loads(socket.recv(PATIENCE)) == {"id": None, "method": "reconnect"}
            with pytest.raises(ConnectionClosed):
                socket.recv(PATIENCE)
            assert socket.close_code == 1012
        assert serving.end() == ""
        assert serving.code == 0


def imported(url: str) -> str:
    """The id of a flow in this database."""

    async def put() -> str:
        flow = parse_flow_text("nodes: {a: {type: TextNode}}", "flow.yaml", builtin_catalog())
        async with open_house(Settings(database=url), builtin_catalog()) as house:
            return (await house.service.import_flow(LOCAL, flow)).id

    return asyncio.run(put())


async def test_a_file_in_the_place_of_the_data_directory_is_bad_input(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    with pytest.raises(BadInput, match="taken cannot be made: File exists"):
        async with open_house(Settings(data_dir=taken)):
            pass
