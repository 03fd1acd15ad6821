"""Chains of pure nodes, durable: from `flow:started` to `flow:completed`, by the journal."""

from __future__ import annotations

import cProfile
import pstats
from pathlib import Path
from typing import TypeAlias

from bench import executions, flows
from bench.floor import floor_chain
from bench.lines import Line, Target, median
from bench.stage import Stage
from chaingraph.engine.events import Event, EventType
from chaingraph.modes import open_house
from chaingraph.settings import Settings

SHORT, LONG = 1_000, 10_000
RUNS = 3

Journal: TypeAlias = list[Event]


async def measure(stage: Stage) -> list[Line]:
    floor = {n: await floor_chain(stage.directory / f"floor{n}", n) for n in (SHORT, LONG)}
    journals = {n: await chain(stage.directory / "chain", n) for n in (SHORT, LONG)}
    pace = {n: median(map(nodes_per_second, found)) for n, found in journals.items()}
    target = Target(8_000, at_least=True)
    lines = [
        Line(
            f"pure chain of {n:,}, durable, SQLite", pace[n], "bare appends", floor[n], unit, target
        )
        for n, unit in ((SHORT, "nodes/s"), (LONG, "nodes/s"))
    ]
    first, last = zip(*map(deciles, journals[LONG]), strict=True)
    what, other = (f"a node in the {each} tenth of {LONG:,}" for each in ("last", "first"))
    even = Target(1.2, of_ratio=True)
    return [*lines, Line(what, median(last), other, median(first), "µs", even)]


async def chain(data_dir: Path, nodes: int) -> list[Journal]:
    """The journals of some runs."""
    async with open_house(Settings(data_dir=data_dir)) as house, house.working():
        flow = flows.pure_chain(house.catalog, nodes)
        rows = [await executions.run(house, flow) for _ in range(RUNS)]
        return [await executions.events(house, row.id) for row in rows]


def nodes_per_second(journal: Journal) -> float:
    nodes = sum(each.type is EventType.NODE_COMPLETED for each in journal)
    [began] = [each.at for each in journal if each.type is EventType.FLOW_STARTED]
    return nodes / (journal[-1].at - began) * 1000


def deciles(journal: Journal) -> tuple[float, float]:
    """Microseconds a node, in the first and in the last tenth of them."""
    times = [each.at for each in journal if each.type is EventType.NODE_COMPLETED]
    tenth = len(times) // 10
    first, last = times[tenth] - times[0], times[-1] - times[-1 - tenth]
    return 1000 * first / tenth, 1000 * last / tenth


async def profile(stage: Stage) -> None:
    """Where a long chain spends its time, by the functions' own time."""
    with cProfile.Profile() as profiler:
        await chain(stage.directory / "chain", LONG)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(25)
