"""The commands that steer an execution: whoever works on it obeys, now or later."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaingraph.cli.json_lines import print_objects
from chaingraph.cli.options import AsJson, ExecutionId, command
from chaingraph.settings import Settings

if TYPE_CHECKING:
    from chaingraph.cli.executors import Executor


def add_to(app: typer.Typer) -> None:
    for body in (start, stop, pause, resume, step, signal):
        command(app, body.__name__, remote=True)(body)
    command(app, "breakpoints", remote=True)(set_breakpoints)


async def start(settings: Settings, execution_id: ExecutionId, as_json: AsJson = False) -> None:
    """Let a created execution run, in whatever worker is alive."""
    async with _steered(settings, execution_id, as_json) as executor:
        await executor.start(execution_id)


async def stop(
    settings: Settings,
    execution_id: ExecutionId,
    reason: Annotated[str | None, typer.Option("--reason", help="Kept in the last event.")] = None,
    as_json: AsJson = False,
) -> None:
    """Cancel what runs and end in `flow:cancelled`; its children with it."""
    async with _steered(settings, execution_id, as_json) as executor:
        await executor.stop(execution_id, reason=reason)


async def pause(
    settings: Settings,
    execution_id: ExecutionId,
    reason: Annotated[str | None, typer.Option("--reason", help="Kept in `flow:paused`.")] = None,
    tree: Annotated[bool, typer.Option("--tree", help="All descendants too.")] = False,
    now: Annotated[
        bool, typer.Option("--now", help="Cancel what runs; it runs again after `resume`.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let running nodes end and begin no more, until `resume`."""
    async with _steered(settings, execution_id, as_json) as executor:
        await executor.pause(execution_id, reason=reason, tree=tree, now=now)


async def resume(
    settings: Settings,
    execution_id: ExecutionId,
    tree: Annotated[bool, typer.Option("--tree", help="All descendants too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Go on, up to the next breakpoint."""
    async with _steered(settings, execution_id, as_json) as executor:
        await executor.resume(execution_id, tree=tree)


async def step(settings: Settings, execution_id: ExecutionId, as_json: AsJson = False) -> None:
    """Run one node of a paused execution."""
    async with _steered(settings, execution_id, as_json) as executor:
        await executor.step(execution_id)


async def signal(
    settings: Settings,
    execution_id: ExecutionId,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    value: Annotated[
        str, typer.Option("--value", metavar="JSON", help="What it carries; @FILE reads a file.")
    ] = "null",
    as_json: AsJson = False,
) -> None:
    """Send a value to the node that waits, or will wait, for a signal of this name."""
    from chaingraph.cli.flow_files import read_json

    carried = read_json("--value", value)
    async with _steered(settings, execution_id, as_json) as executor:
        await executor.signal(execution_id, name, carried)


async def set_breakpoints(
    settings: Settings,
    execution_id: ExecutionId,
    before: Annotated[
        list[str] | None,
        typer.Option("--node", metavar="NODE[=CONDITION]", help="Hold before it. Repeatable."),
    ] = None,
    behind: Annotated[
        list[str] | None,
        typer.Option("--edge", metavar="EDGE[=CONDITION]", help="Hold behind it. Repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hold the execution at these nodes and edges, and at no others; none: nowhere."""
    breakpoints = [*_breakpoints("nodeId", before or ()), *_breakpoints("edgeId", behind or ())]
    async with _steered(settings, execution_id, as_json) as executor:
        await executor.set_breakpoints(execution_id, breakpoints)


def _breakpoints(kind: str, given: Sequence[str]) -> list[dict[str, Any]]:
    pairs = [text.partition("=") for text in given]
    return [{kind: name, **({"condition": said} if said else {})} for name, _, said in pairs]


@asynccontextmanager
async def _steered(settings: Settings, execution_id: str, as_json: bool) -> AsyncIterator[Executor]:
    """The executor. With --json it is said in the end where the execution stands."""
    from chaingraph.cli.executors import executor_of, warn_without_worker

    async with executor_of(settings) as executor:
        yield executor
        row = await executor.details(execution_id)
        if as_json:
            print_objects([{"id": row.id, "status": row.status}])
        await warn_without_worker(executor, row)
