"""`python -m bench`: one table of ratios, printed and written to `bench/results.md`.

`python -m bench profile` shows where the time of a chain of 10,000 nodes goes.
"""

from __future__ import annotations

import asyncio
import cProfile
import platform
import pstats
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.chain import durable_chain
from bench.floor import floor_chain

RUNS = 3


@dataclass(frozen=True, slots=True)
class Line:
    """One measurement beside its comparison."""

    what: str
    measured: float
    compared_with: str
    comparison: float
    unit: str

    def __str__(self) -> str:
        ratio = self.measured / self.comparison
        return (
            f"| {self.what} | {self.measured:,.0f} {self.unit} | {self.compared_with} "
            f"| {self.comparison:,.0f} {self.unit} | {ratio:.2f} |"
        )


async def measure(directory: Path) -> list[Line]:
    """All measurements of one run."""
    floor: dict[int, float] = {}
    ours: dict[int, float] = {}
    for nodes in (1_000, 10_000):
        floor[nodes] = await floor_chain(directory / f"floor{nodes}", nodes)
        ours[nodes] = await durable_chain(directory / "data", nodes, RUNS)
    lines = [
        Line(f"pure chain of {n:,}, durable, SQLite", ours[n], "bare appends", floor[n], "nodes/s")
        for n in ours
    ]
    lines.append(
        Line("pure chain of 10,000", ours[10_000], "the chain of 1,000", ours[1_000], "nodes/s")
    )
    return lines


def table(lines: list[Line]) -> str:
    head = "| what | measured | compared with | comparison | ratio |\n|---|---|---|---|---|\n"
    return head + "\n".join(str(line) for line in lines) + "\n"


def report(lines: list[Line]) -> str:
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return (
        f"# Benchmarks\n\n{when}, {machine}. Each line's comparison was measured in the same "
        f"run; read the ratios.\n\n{table(lines)}"
    )


def profile(directory: Path) -> None:
    """Where a chain of 10,000 spends its time, by the function's own time."""
    profiler = cProfile.Profile()
    profiler.runcall(lambda: asyncio.run(durable_chain(directory, 10_000, 1)))
    pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        if sys.argv[1:] == ["profile"]:
            profile(Path(directory))
            return
        lines = asyncio.run(measure(Path(directory)))
    text = report(lines)
    Path(__file__).with_name("results.md").write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
