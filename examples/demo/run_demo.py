"""A flow that survives the death of its process: `make demo`.

It runs `chaingraph run` as a process of its own, kills it with SIGKILL when half of the texts are
read, runs `chaingraph run --continue`, and proves what happened twice: from the journal, and from
the effects log that the nodes themselves write. The exit code is 0 only if all of it holds.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from asyncio.subprocess import Process
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from chaingraph.engine.events import Event
from chaingraph.execution.reading import decode
from chaingraph.execution.records import LOCAL
from chaingraph.modes import House, open_house
from chaingraph.settings import Settings

HERE = Path(os.path.relpath(Path(__file__).parent))
FOLDER = Path(".chaingraph/demo")
CHAINGRAPH = Path(sys.executable).with_name("chaingraph")
SLOW = "read_"

OPTIONS = ("--nodes", str(HERE / "nodes.py"), "--data-dir", str(FOLDER))
RUN = ("run", str(HERE / "flow.yaml"), *OPTIONS)
CONTINUE = ("run", "--continue", *OPTIONS)
VERIFY = ("verify", "--data-dir", str(FOLDER))

WORDS = {
    "node:completed": "[green]completed[/]",
    "node:skipped": "[dim]skipped[/]",
    "node:failed": "[red]failed[/]",
}

console = Console(highlight=False)


@dataclass
class Story:
    """What a journal says, node by node."""

    positions: list[int] = field(default_factory=list)
    starts: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    last: str = ""

    def add(self, event: Event) -> None:
        self.positions.append(event.position)
        self.last = event.type
        if event.type == "node:started":
            self.starts[event.data["nodeId"]] += 1
        elif event.type in WORDS:
            self.ends[event.data["nodeId"]] += 1

    @property
    def running(self) -> list[str]:
        return [node for node in self.starts if not self.ends[node]]

    def state(self, node: str) -> str:
        if self.ends[node]:
            return "finished"
        return "running" if self.starts[node] else "waiting"


def story_of(events: Iterable[Event]) -> Story:
    story = Story()
    for event in events:
        story.add(event)
    return story


def broken_promises(before: Story, after: Story, effects: Mapping[str, Sequence[str]]) -> list[str]:
    """What should not have happened; empty when all is well.

    `effects` holds, by node, the idempotency key of each time its body ran.
    """
    broken = []
    if after.positions != list(range(len(after.positions))):
        broken.append("the journal has a gap or a double")
    for node in before.ends:
        if after.starts[node] != before.starts[node] or len(effects.get(node, ())) > 1:
            broken.append(f"{node} was finished and ran again")
    for node in before.running:
        if (after.starts[node], after.ends[node]) != (before.starts[node] + 1, 1):
            broken.append(f"{node} was interrupted and did not run again exactly once")
    for node, keys in effects.items():
        if len(set(keys)) != 1:
            broken.append(f"{node} ran under different idempotency keys")
    return broken


def read_effects(lines: Iterable[str]) -> dict[str, list[str]]:
    effects: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        fact = json.loads(line)
        effects[fact["node"]].append(fact["key"])
    return dict(effects)


async def run(*arguments: str) -> Process:
    """Start the command; what it prints goes to `output.log`."""
    console.print(f"\n[bold]$ chaingraph {' '.join(arguments)}[/]", soft_wrap=True)
    with (FOLDER / "output.log").open("ab") as output:
        return await asyncio.create_subprocess_exec(
            CHAINGRAPH, *arguments, stdout=output, stderr=output
        )


async def committed(house: House, process: Process, start: int = 0) -> AsyncIterator[Event]:
    """The events of the only execution from `start` on, as they come, until the process ends."""
    execution_id = ""
    while True:
        ended = process.returncode is not None
        if not execution_id:
            roots = await house.service.roots(LOCAL, None)
            execution_id = roots[0].execution.id if roots else ""
        entries = await house.journal.read(execution_id, start, 1000) if execution_id else []
        for entry in entries:
            yield decode(entry)
        start += len(entries)
        if ended and not entries:
            return
        await asyncio.sleep(0.05)


async def watch(
    house: House, process: Process, story: Story, enough: Callable[[Story], bool]
) -> None:
    """Show what is committed, and return when the process has ended or the story is enough."""
    async for event in committed(house, process, len(story.positions)):
        story.add(event)
        if event.type in WORDS:
            running = ", ".join(story.running)
            beside = f"  [dim]running: {running}[/]" if running else ""
            node = event.data["nodeId"]
            console.print(f"{event.position:>5}  {node:16}{WORDS[event.type]}{beside}")
        if enough(story):
            return


def half_is_read(story: Story) -> bool:
    read, begun = (
        sum(node.startswith(SLOW) for node in counted) for counted in (story.ends, story.starts)
    )
    return begun > 0 and read * 2 >= begun


def show_states(story: Story, nodes: Sequence[str]) -> None:
    for state in ("finished", "running", "waiting"):
        names = ", ".join(node for node in nodes if story.state(node) == state)
        console.print(f"  {state:9} {names or '-'}")


def show_table(before: Story, after: Story, nodes: Sequence[str]) -> None:
    table = Table("node", "at the kill", title="The journal, node by node")
    for title in ("starts", "ends"):
        table.add_column(title, justify="right")
    for node in nodes:
        state = before.state(node)
        style = "yellow" if state == "running" else ""
        row = (node, state, str(after.starts[node]), str(after.ends[node]))
        table.add_row(*row, style=style)
    console.print()
    console.print(table)


async def demo() -> int:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    # A house without a worker: it reads the journal and runs nothing.
    async with open_house(Settings(data_dir=FOLDER)) as house:
        story = Story()
        process = await run(*RUN)
        await watch(house, process, story, half_is_read)
        if process.returncode is not None:
            return gave_up(process)
        process.kill()
        await process.wait()
        ...
    return 0
