"""The package for TypeScript: its types are those of the server, and its client works."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from chaingraph.api.dialects import PLAIN
from chaingraph.api.procedures import router
from chaingraph.api.schema.procedures import OUTPUTS
from chaingraph.api.typescript import STREAMS, typescript
from chaingraph.client import AsyncClient
from chaingraph.trpc.router import Router
from tests.api.fake_service import FakeService
from tests.client.cutting_proxy import cutting_proxy
from tests.clients.conftest import PACKAGE
from tests.servers import free_port

PAGES = (
    PACKAGE / "README.md",
    PACKAGE.parents[1] / "docs" / "howto" / "call-from-typescript.md",
)


@pytest.fixture(scope="module")
def procedures() -> Router:
    return router(FakeService(), PLAIN)


def test_every_procedure_says_what_it_gives(procedures: Router) -> None:
    streams = {name for name, each in procedures.items() if each.kind == "subscription"}
    assert streams == set(STREAMS)
    assert procedures.keys() - streams == OUTPUTS.keys()


def test_the_types_in_the_package_are_those_of_the_server(procedures: Router) -> None:
    current = (PACKAGE / "src" / "router.ts").read_text()
    assert current == typescript(procedures), "run the command in the first line of router.ts"


def test_the_command_writes_the_types(procedures: Router) -> None:
    command = [sys.executable, "-m", "chaingraph.api.typescript"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == typescript(procedures)


def test_no_type_is_any() -> None:
    for each in (PACKAGE / "src").glob("*.ts"):
        assert not re.search(r"[:<|&(] *any\b", each.read_text()), each.name


def test_the_lock_file_names_no_registry() -> None:
    assert "resolved" not in (PACKAGE / "package-lock.json").read_text()


def test_the_types_hold_and_misuse_is_refused(built: Path) -> None:
    """The compiler has checked it: a line that is to be refused and is not, is a mistake too."""
    assert "@ts-expect-error" in (built / "build" / "tests" / "types.js").read_text()


def test_the_build_has_javascript_and_declarations(built: Path) -> None:
    built_files = {each.name for each in (built / "dist").iterdir()}
    for source in (PACKAGE / "src").glob("*.ts"):
        assert {f"{source.stem}.js", f"{source.stem}.d.ts"} <= built_files


async def run(node: Path, program: Path, *words: str) -> str:
    """What the program printed."""
    process = await asyncio.create_subprocess_exec(
        node, program, *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode()


@pytest.fixture
def live(node: Path, built: Path) -> Callable[..., Any]:
    """What the client saw in a scenario."""

    async def call(*words: str) -> Any:
        return json.loads(await run(node, built / "build" / "tests" / "live.js", *words))

    return call


async def test_an_execution_is_followed_to_its_end(url: str, live: Callable[..., Any]) -> None:
    seen = await live("run", url, "sum")
    async with AsyncClient(url, "admin") as client:
        events = [each async for each in client.follow(seen["executionId"])]
    assert seen["status"] == "completed"
    assert seen["indexes"] == [each.index for each in events]
    assert seen["types"] == [each.type for each in events]
    assert seen["results"] == {"product": 42, "total": 43}
    assert seen["datesAreDates"]


async def test_a_view_and_types_choose_what_comes(url: str, live: Callable[..., Any]) -> None:
    seen = await live("parts", url, "sum")
    assert seen["opened"] == "flow:snapshot"
    assert seen["values"] == [{"result": 42}, {"result": 43}]
    assert seen["last"] == ["flow:completed"]
    assert seen["none"] == []


async def test_a_tree_is_followed_from_any_cursor(url: str, live: Callable[..., Any]) -> None:
    seen = await live("tree", url, "parent")
    assert len(set(seen["ended"])) == 2
    assert seen["executionId"] in seen["ended"]
    assert seen["rest"] == []


async def test_refusals_carry_their_codes(url: str, live: Callable[..., Any]) -> None:
    seen = await live("refused", url, "sum")
    assert {name: each["code"] for name, each in seen.items()} == {
        "again": "BAD_REQUEST",
        "invalid": "BAD_REQUEST",
        "unknown": "NOT_FOUND",
        "stranger": "UNAUTHORIZED",
    }
    assert seen["invalid"]["zodError"]["fieldErrors"] == {"flowId": ["Required"]}


async def test_a_server_that_is_not_there_is_given_up_in_time(live: Callable[..., Any]) -> None:
    seen = await live("nowhere", f"http://127.0.0.1:{free_port()}", "sum")
    assert seen == {"aborted": "enough"}


async def test_lost_connections_lose_and_repeat_nothing(url: str, live: Callable[..., Any]) -> None:
    budgets = [0, 100, 160, 2_000, 4_000, 3_000]
    async with cutting_proxy(url, lambda: budgets.pop(0) if budgets else None) as (proxy, address):
        seen = await live("run", address, "sum")
    assert proxy.cuts == 6
    assert seen["indexes"] == list(range(-1, len(seen["indexes"]) - 1))
    assert seen["types"][-1] == "flow:completed"
    async with AsyncClient(url, "admin") as client:
        assert len(await client.roots("sum")) == 1


@pytest.fixture
def example(
    url: str, node: Path, built: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], Awaitable[str]]:
    """What an example prints that is given a flow."""
    monkeypatch.setenv("CHAINGRAPH_TOKEN", "admin")
    folder = built / "build" / "examples"
    return lambda name, flow_id: run(node, folder / f"{name}.js", url, flow_id)


async def test_an_example_runs_a_flow(example: Callable[[str, str], Awaitable[str]]) -> None:
    shown = await example("run", "sum")
    assert re.fullmatch(r"product took \d+ ms\ntotal took \d+ ms\ncompleted\n", shown)


async def test_an_example_answers_for_a_person(
    example: Callable[[str, str], Awaitable[str]],
) -> None:
    assert await example("approve", "asker") == "said yes to approval\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_the_pages_show_is_in_an_example(page: Path) -> None:
    sources = [each.read_text() for each in (PACKAGE / "examples").glob("*.ts")]
    shown = re.findall(r"```ts\n(.*?)```", page.read_text(), re.S)
    assert shown
    for block in shown:
        assert any(block in source for source in sources), block
