"""Nodes that do nothing but say when."""

from __future__ import annotations

import asyncio
import time

from chaingraph import Context, node


@node(kind="effect", output="at")
async def stamp(after: float = 0) -> float:
    """When it ran, by the clock of its process."""
    return time.perf_counter()


@node(kind="effect", output="said")
async def chatter(ctx: Context, lines: int = 0, per_second: float = 0) -> int:
    """Logs so many lines, each the time of day; 0 per second means as fast as it can."""
    began = time.perf_counter()
    said = 0
    while said < lines:
        due = int((time.perf_counter() - began) * per_second) if per_second else said + 500
        for _ in range(said, min(due, lines)):
            ctx.log(f"{time.time():.6f}")
        said = max(said, min(due, lines))
        await asyncio.sleep(min(0.001, 1 / per_second) if per_second else 0)
    return said


@node(kind="effect", output="slept")
async def hold(seconds: float = 0) -> float:
    await asyncio.sleep(seconds)
    return seconds


@node(kind="effect")
async def herald(ctx: Context, count: int = 0) -> None:
    for _ in range(count):
        ctx.emit_event("sleep", {})
