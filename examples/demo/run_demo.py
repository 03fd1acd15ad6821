"""A flow that survives the death of its process: `make demo`.

It runs `chaingraph run` as a process of its own, kills it with SIGKILL when half of the texts are
read, runs `chaingraph run --continue`, and then proves what ran how often: from the journal, and
from the effects log that the nodes write themselves. It exits with 0 only if everything holds.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from asyncio.subprocess import Process
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from chaingraph import LOCAL, Settings, open_house
from chaingraph.engine.events import TERMINAL, Event, EventType
from chaingraph.execution.reading import decode
from chaingraph.modes import House

HERE = Path(os.path.relpath(Path(__file__).parent))
FOLDER = Path(".chaingraph/demo")
CHAINGRAPH = Path(sys.executable).with_name("chaingraph")

DATA = ("--data-dir", str(FOLDER))
OWN = ("--nodes", str(HERE / "nodes.py"), *DATA)

ENDS: Mapping[EventType, str] = {
    EventType.NODE_COMPLETED: "[green]completed[/]",
    EventType.NODE_SKIPPED: "[dim]skipped[/]  ",
    EventType.NODE_FAILED: "[red]failed[/]   ",
}

#: seconds between two looks at the journal
PATIENCE = 0.05

console = Console(highlight=False)


@dataclass
class Story:
    """What a journal says, node by node."""

    positions: list[int] = field(default_factory=list)
    types: list[EventType] = field(default_factory=list)
    starts: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)

    def add(self, event: Event) -> None:
        self.positions.append(event.position)
        self.types.append(event.type)
        if event.type is EventType.NODE_STARTED:
            self.starts[event.data["nodeId"]] += 1
        elif event.type in ENDS:
            self.ends[event.data["nodeId"]] += 1

    def flaws(self) -> list[str]:
        """What a finished journal must not have."""
        whole = self.positions == list(range(len(self.positions)))
        ended = [each for each in self.types if each in TERMINAL] == self.types[-1:]
        return ["a gap"] * (not whole) + ["not one end"] * (not ended)

    @classmethod
    def of(cls, events: Iterable[Event]) -> Story:
        story = cls()
        for event in events:
            story.add(event)
        return story

    @property
    def running(self) -> list[str]:
        return [node for node in self.starts if node not in self.ends]

    def state(self, node: str) -> str:
        if node in self.ends:
            return "finished"
        return "running" if node in self.starts else "waiting"


@dataclass(frozen=True)
class Proof:
    """A sentence, and what speaks against it."""

    sentence: str
    against: Sequence[str]


def proofs(before: Story, after: Story, effects: Mapping[str, Sequence[str]]) -> list[Proof]:
    """`effects` holds, for each node, the idempotency key of every time its body ran."""
    more = Counter({node: after.starts[node] - before.starts[node] for node in before.starts})
    twice = [node for node in before.running if len(effects.get(node, ())) == 2]
    once = [node for node, keys in effects.items() if len(keys) == 1]
    return [
        Proof(f"The journal has {len(after.types)} events, no gap and one end.", after.flaws()),
        Proof(
            f"None of the {len(before.ends)} finished nodes ran again.",
            [node for node in before.ends if more[node]],
        ),
        Proof(
            f"Each of the {len(before.running)} interrupted nodes ran again, once, to its end.",
            [node for node in before.running if (more[node], after.ends[node]) != (1, 1)],
        ),
        Proof(
            f"The effects log agrees: {len(once)} bodies ran once, {len(twice)} interrupted ones "
            "twice, with the same key.",
            [node for node in effects if node not in once + twice or len(set(effects[node])) > 1],
        ),
    ]


def read_effects(lines: Iterable[str]) -> dict[str, list[str]]:
    effects: defaultdict[str, list[str]] = defaultdict(list)
    for line in lines:
        effect = json.loads(line)
        effects[effect["node"]].append(effect["key"])
    return dict(effects)


async def start(*arguments: str) -> Process:
    """Start the command; what it prints goes to `output.log`."""
    console.print(f"\n[bold]$ chaingraph {' '.join(arguments)}[/]", soft_wrap=True)
    with (FOLDER / "output.log").open("ab") as output:
        return await asyncio.create_subprocess_exec(
            CHAINGRAPH, *arguments, stdout=output, stderr=output
        )


async def execution_of(house: House, process: Process) -> str:
    """The id of the one execution, as soon as the process has made it."""
    while process.returncode is None:
        if roots := await house.service.roots(LOCAL, None):
            return roots[0].execution.id
        await asyncio.sleep(PATIENCE)
    raise ProcessLookupError


async def read(house: House, execution_id: str, position: int = 0) -> list[Event]:
    return [decode(each) for each in await house.journal.read(execution_id, position, 1000)]


async def watch(
    house: House, execution_id: str, story: Story, process: Process, enough: Callable[[], bool]
) -> None:
    """Tell the story on as events are committed, until it is enough or the process has ended."""
    while not enough():
        ended = process.returncode is not None
        for event in await read(house, execution_id, len(story.positions)):
            story.add(event)
            show(event, len(story.running))
        if ended:
            return
        await asyncio.sleep(PATIENCE)


def half_is_read(story: Story) -> bool:
    begun = [node for node in story.starts if node.startswith("read_")]
    return 0 < len(begun) <= 2 * sum(node in story.ends for node in begun)


def show(event: Event, running: int) -> None:
    if event.type in TERMINAL:
        console.print(f"{event.position:>5}  [bold]{event.type.value}[/]")
    elif event.type in ENDS:
        node = event.data["nodeId"]
        console.print(
            f"{event.position:>5}  {node:16} {ENDS[event.type]}  [dim]{running} running[/]"
        )


def show_states(story: Story, nodes: Sequence[str]) -> None:
    console.print(f"The journal holds the positions 0 to {story.positions[-1]}. It says:")
    for state in ("finished", "running", "waiting"):
        names = ", ".join(node for node in nodes if story.state(node) == state)
        console.print(f"  [bold]{state:9}[/] {names or 'none'}", soft_wrap=True)


def show_table(
    before: Story, after: Story, effects: Mapping[str, Sequence[str]], nodes: Sequence[str]
) -> None:
    table = Table("node", "at the kill")
    for title in ("starts", "ends", "effects"):
        table.add_column(title, justify="right")
    for node in nodes:
        state = before.state(node)
        counts = (after.starts[node], after.ends[node], len(effects.get(node, ())) or "")
        table.add_row(node, state, *map(str, counts), style="yellow" if state == "running" else "")
    console.print(table)


def show_proofs(found: Sequence[Proof]) -> None:
    for proof in found:
        mark = "[red]broken[/]" if proof.against else "[green]holds[/] "
        console.print(f"  {mark}  {proof.sentence}", *proof.against, soft_wrap=True)


async def kill_and_continue(house: House) -> list[Proof]:
    """Run, kill, continue, and compare the journal at the kill with the journal at the end."""
    process = await start("run", str(HERE / "flow.yaml"), *OWN)
    execution_id = await execution_of(house, process)
    story = Story()
    await watch(house, execution_id, story, process, lambda: half_is_read(story))
    process.kill()
    await process.wait()
    console.print(f"\n[bold red]$ kill -9 {process.pid}[/]")
    before = Story.of(await read(house, execution_id))
    nodes = [node["id"] for node in (await house.service.flows(LOCAL))[0].data["nodes"]]
    show_states(before, nodes)

    process = await start("run", "--continue", *OWN)
    await watch(house, execution_id, story, process, lambda: False)
    after = Story.of(await read(house, execution_id))
    effects = read_effects((FOLDER / "effects.log").read_text().splitlines())
    code = await (await start("verify", execution_id, *DATA)).wait()
    show_table(before, after, effects, nodes)
    refused = [f"it exited with {code}"] if code else []
    verified = Proof("The row is what the journal adds up to, says `verify`.", refused)
    return [*proofs(before, after, effects), verified]


async def demo() -> list[Proof]:
    async with open_house(Settings(data_dir=FOLDER)) as house:  # no worker: it only reads
        return await kill_and_continue(house)


def main() -> int:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    try:
        found = asyncio.run(demo())
    except* ProcessLookupError:
        sys.exit(f"The flow ended before it could be killed; {FOLDER}/output.log says why.")
    show_proofs(found)
    console.print()
    console.print(Markdown((FOLDER / "report.md").read_text()))
    console.print(f"\nJournal, report and logs are in {FOLDER}; the next demo begins anew.")
    return 1 if any(proof.against for proof in found) else 0


if __name__ == "__main__":
    sys.exit(main())
