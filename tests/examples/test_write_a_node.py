"""The Python and the flow of docs/howto/write-a-node.md, as they stand there."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from chaingraph.engine.catalog import Catalog
from chaingraph.execution.principals import LOCAL
from chaingraph.flow.codec import parse_flow_text
from chaingraph.modes import load_catalog, open_memory_house
from chaingraph.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "write-a-node.md"


def blocks(language: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return "\n".join(found)


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    monkeypatch.chdir(tmp_path)
    Path("my_nodes.py").write_text(blocks("python"))
    return load_catalog(Settings(nodes=("my_nodes.py",)))


async def test_the_flow_of_the_page_runs_with_the_nodes_of_the_page(catalog: Catalog) -> None:
    flow = parse_flow_text(blocks("yaml"), "flow.yaml", catalog)
    async with open_memory_house(catalog) as house, house.working():
        await house.service.import_flow(LOCAL, flow)
        execution_id = await house.service.create(LOCAL, flow.id)
        await house.service.start(LOCAL, execution_id)
        batches = house.service.follow(LOCAL, execution_id, view="compact")
        events = [event async for batch in batches for event in batch]
    values = {e.data["nodeId"]: e.data["values"] for e in events if e.type == "node:completed"}
    [failed] = [event.data for event in events if event.type == "node:failed"]
    assert await asyncio.to_thread(Path("loud.txt").read_text) == "now 6\n"
    assert failed["error"].message == "There is nobody to share with"
    assert values["measure"]["verdict"] == "long"
    assert values["sorry"]["result"] == "THERE IS NOBODY TO SHARE WITH"
    assert values["all"]["buffer"] == "GOONGOONGOON"
    assert values["sign"]["signature"].startswith("8f06d2b0")
    assert "sk-1" not in str(events)
