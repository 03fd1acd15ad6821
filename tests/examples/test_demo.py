"""The demo's nodes, its flow, its proofs, and the demo itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from chaingraph.engine.authoring import NodeError
from chaingraph.engine.catalog import Catalog
from chaingraph.engine.events import Event, EventType
from chaingraph.execution.principals import LOCAL
from chaingraph.flow.codec import parse_flow_text
from chaingraph.flow.model import Flow
from chaingraph.flow.validate import check
from chaingraph.modes import load_catalog, open_memory_house
from chaingraph.settings import Settings
from examples.demo import nodes, run_demo
from examples.demo.run_demo import Story, proofs
from tests.nodes.contexts import MemoryContext

DEMO = Path(nodes.__file__).parent
KEY = "EX/a"

START, END = EventType.NODE_STARTED, EventType.NODE_COMPLETED
DONE, LAST = EventType.FLOW_COMPLETED, ""
BEFORE = [(START, "a"), (END, "a"), (START, "b")]
AFTER = [*BEFORE, (START, "b"), (END, "b"), (DONE, LAST)]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def catalog() -> Catalog:
    return load_catalog(Settings(nodes=(str(DEMO / "nodes.py"),)))


def read_flow(catalog: Catalog) -> Flow:
    return parse_flow_text((DEMO / "flow.yaml").read_text(), "flow.yaml", catalog)


def story(*told: tuple[EventType, str]) -> Story:
    return Story.of(
        Event(position, kind, 0, {"nodeId": node}) for position, (kind, node) in enumerate(told)
    )


def broken(after: Story, effects: dict[str, list[str]] | None = None) -> list[bool]:
    return [bool(each.against) for each in proofs(story(*BEFORE), after, effects or {})]


def test_the_first_line_is_the_title_and_is_not_counted() -> None:
    found = nodes.measured("a", "A Title\n\nThe dog saw. The dog saw the other dog! “Why?”\n")
    assert (found.title, found.words) == ("A Title", 10)
    assert found.longest_sentence == "The dog saw the other dog!"
    assert found.frequencies == {"dog": 3, "saw": 2}


def test_a_text_without_a_body_is_measured_too() -> None:
    assert nodes.measured("a", "Only a title").longest_sentence == ""


def test_the_longest_document_comes_first_and_counts_are_added() -> None:
    short, long = nodes.measure({"a": "A\nsheep graze", "b": "B\nsheep graze, sheep sleep"})
    ranked, frequent, _ = nodes.rank([short, long], most=1)
    assert [each.name for each in ranked] == ["b", "a"]
    assert frequent == {"sheep": 3}


def test_a_folder_without_texts_fails_the_node() -> None:
    with pytest.raises(NodeError, match="no texts"):
        nodes.list_documents(MemoryContext(), "texts/of/nobody")


async def test_a_text_is_read_and_its_effect_noted() -> None:
    ctx = MemoryContext("read_bread")
    path = DEMO / "texts" / "bread.txt"
    text = await nodes.read_document(str(path), ctx, words_per_second=0)
    [line] = (nodes.FOLDER / "effects.log").read_text().splitlines()
    assert text == path.read_text()
    assert ctx.lines == ["read 187 words of bread.txt"]
    assert json.loads(line)["key"] == "EXtest/read_bread"


def test_a_report_written_twice_is_the_same_report(tmp_path: Path) -> None:
    target = tmp_path / "out" / "report.md"
    for _ in range(2):
        nodes.write_report(MemoryContext(), [], {"sheep": 3}, "## A section", str(target))
    assert [each.name for each in target.parent.iterdir()] == ["report.md"]
    assert "Words: sheep (3)." in target.read_text()


def test_the_flow_has_no_mistake(catalog: Catalog) -> None:
    report = check(read_flow(catalog), catalog, strict=True)
    assert (report.errors, report.warnings) == ((), ())


@pytest.mark.parametrize(("limit", "section"), [(5, "long"), (99, "short")])
async def test_the_flow_writes_one_of_the_two_sections(
    catalog: Catalog, limit: int, section: str
) -> None:
    flow = read_flow(catalog)
    unpaused = {f"{n}.words_per_second": 0 for n in flow.nodes if n.startswith("read_")}
    async with open_memory_house(catalog) as house, house.working():
        await house.service.import_flow(LOCAL, flow)
        inputs = {**unpaused, "is_long.rightValue": limit}
        execution_id = await house.service.create(LOCAL, flow.id, inputs=inputs)
        await house.service.start(LOCAL, execution_id)
        batches = house.service.follow(LOCAL, execution_id, view="compact")
        events = [event async for batch in batches for event in batch]
    completed = {event.data["nodeId"] for event in events if event.type == END}
    assert events[-1].type == DONE
    assert len(completed) == len(flow.nodes) - 1
    assert f"{section}_read" in completed
    assert f"## A {section} read" in (nodes.FOLDER / "report.md").read_text()


def test_an_honest_story_keeps_every_promise() -> None:
    assert broken(story(*AFTER), {"a": [KEY], "b": [KEY, KEY]}) == [False] * 4


def test_a_gap_is_seen() -> None:
    gap = story(*AFTER)
    gap.positions[-1] += 1
    assert broken(gap)[0]


def test_a_second_end_is_seen() -> None:
    assert broken(story(*AFTER, (DONE, LAST)))[0]


def test_a_finished_node_that_starts_again_is_seen() -> None:
    assert broken(story((START, "a"), *AFTER))[1]


@pytest.mark.parametrize(
    "after", [[*BEFORE, (DONE, LAST)], [*BEFORE, (START, "b"), *AFTER[3:]], AFTER[:4]]
)
def test_an_interrupted_node_that_does_not_run_once_more_is_seen(
    after: list[tuple[EventType, str]],
) -> None:
    assert broken(story(*after))[2]


@pytest.mark.parametrize("effects", [{"a": [KEY, KEY]}, {"b": [KEY] * 3}, {"b": [KEY, "EX/b"]}])
def test_an_effect_too_many_or_under_another_key_is_seen(effects: dict[str, list[str]]) -> None:
    assert broken(story(*AFTER), effects)[3]


def test_the_demo_writes_where_its_nodes_write() -> None:
    assert run_demo.FOLDER == nodes.FOLDER


@pytest.mark.timeout(120)
def test_the_demo_kills_and_continues_and_everything_holds() -> None:
    command = [sys.executable, str(DEMO / "run_demo.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("  holds") == 5
    assert "$ kill -9" in done.stdout
    assert "\x1b" not in done.stdout
