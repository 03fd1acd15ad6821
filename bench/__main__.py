"""`python -m bench [name...]`: one table of ratios, printed and written to `bench/results.md`.

Without names everything is measured, and only then the page is written.
`python -m bench profile` shows where the time of a chain of 10,000 nodes goes.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

from bench import (
    chain,
    fanout,
    hops,
    idle,
    neighbour,
    replay,
    starting,
    takeover,
    throughput,
    trees,
)
from bench.lines import Line, report, table
from bench.stage import Stage
from tests.servers import running_postgres

Measure: TypeAlias = Callable[[Stage], Awaitable[list[Line]]]

MEASUREMENTS: dict[str, Measure] = {
    "chain": chain.measure,
    "hops": hops.measure,
    "throughput": throughput.measure,
    "starting": starting.measure,
    "fanout": fanout.measure,
    "replay": replay.measure,
    "takeover": takeover.measure,
    "idle": idle.measure,
    "neighbour": neighbour.measure,
    "trees": trees.measure,
}


async def measured(names: list[str], stage: Stage) -> list[Line]:
    """The lines of these measurements, one after another."""
    lines = []
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        lines += await MEASUREMENTS[name](stage)
    return lines


def main(words: list[str]) -> None:
    unknown = set(words) - {*MEASUREMENTS, "profile"}
    if unknown:
        sys.exit(f"{', '.join(unknown)}: not among {', '.join((*MEASUREMENTS, 'profile'))}")
    with tempfile.TemporaryDirectory() as directory, running_postgres() as server:
        stage = Stage(Path(directory), server.url)
        if words == ["profile"]:
            asyncio.run(chain.profile(stage))
            return
        began, load = time.monotonic(), os.getloadavg()[0]
        lines = asyncio.run(measured(words or list(MEASUREMENTS), stage))
        seconds = time.monotonic() - began
    print(table(lines))
    if not words:
        Path(__file__).with_name("results.md").write_text(report(lines, seconds, load))


if __name__ == "__main__":
    main(sys.argv[1:])
