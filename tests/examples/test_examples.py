"""The examples do what they say."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from chaingraph.engine.catalog import Catalog, load_module_or_file

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_hello_flow_prints_its_events() -> None:
    ran = subprocess.run(
        [sys.executable, EXAMPLES / "hello_flow.py"],
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    lines = ran.stdout.splitlines()
    assert lines[1].split() == ["0", "execution:created"]
    assert lines[-1].endswith("flow:completed")


def test_own_nodes_are_found_with_their_ports() -> None:
    catalog = Catalog.of(*load_module_or_file(str(EXAMPLES / "own_node.py")))
    word = catalog["MostFrequentWord"]
    assert list(word.ports) == ["text", "min_length", "result"]
    assert catalog["Publish"].kind == "effect"


def test_the_own_node_is_still_a_function() -> None:
    functions: dict[str, object] = {}
    exec((EXAMPLES / "own_node.py").read_text(), functions)
    find = functions["most_frequent_word"]
    assert callable(find)
    assert find("tea, coffee, coffee!", 3) == "coffee"


async def test_the_executor_serves_under_another_application(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAINGRAPH_DATA_DIR", str(data_dir))
    spec = importlib.util.spec_from_file_location("embed", EXAMPLES / "embed_in_starlette.py")
    assert spec is not None and spec.loader is not None
    embed = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(embed)
    async with embed.lifespan(embed.app):
        transport = httpx.ASGITransport(app=embed.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            health = await client.get("/chaingraph/health")
    assert health.json()["status"] == "healthy"
