"""Working on one execution while somebody watches: begin, show, stop at Ctrl-C, sum up."""

from __future__ import annotations

import asyncio
import json
import shlex
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from chaingraph.cli.displays import display_of
from chaingraph.cli.interrupts import Interrupts
from chaingraph.cli.json_lines import event_object, print_objects
from chaingraph.cli.problems import FAILED, INTERRUPTED, UNCAUGHT_FAILURES, note
from chaingraph.cli.progress import Progress
from chaingraph.cli.summary import failure, summary
from chaingraph.engine.graph import compile_flow
from chaingraph.errors import ExecutionNotFound, IllegalTransition
from chaingraph.execution.follow import follow
from chaingraph.execution.principals import LOCAL
from chaingraph.execution.reading import decode
from chaingraph.execution.records import Disposition, Segment, Status, Stored
from chaingraph.flow.codec import read_flow
from chaingraph.settings import Settings

if TYPE_CHECKING:
    from chaingraph.modes import House

#: Seconds that children get to end after their parent.
FAREWELL_SECONDS = 15.0


async def work_on(house: House, execution_id: str, as_json: bool) -> int:
    """Run this execution with its tree and no other, until it ends or is left; the exit code."""
    root_id = (await house.service.details(LOCAL, execution_id)).root_execution_id

    async def stop() -> None:
        with suppress(IllegalTransition):  # it has just ended
            await house.service.stop(LOCAL, execution_id)

    interrupts = Interrupts(stop)
    try:
        async with asyncio.TaskGroup() as tasks:
            with interrupts.caught(tasks):
                async with house.working(only=frozenset((root_id,))):
                    code = await watch(house, await _begin(house, execution_id), as_json)
                    await _children_ended(house, execution_id)
                    return code
    except asyncio.CancelledError:
        if not interrupts.leaving:
            raise
        note(f"Left execution {execution_id} as it is. To go on with it:")
        note(f"  {_how_to_go_on(house.settings, execution_id)}")
        return INTERRUPTED


async def _begin(house: House, execution_id: str) -> Stored:
    """Start it, or take it from the queue; what a dead process holds the worker adopts."""
    stored = await house.journal.get(execution_id)
    if stored is None:
        raise ExecutionNotFound(execution_id)
    dispatch = stored.dispatch
    if dispatch.disposition is Disposition.QUEUED:
        house.launch(Segment(execution_id, dispatch.number))
    elif stored.row.status is Status.CREATED and dispatch.disposition is Disposition.PARKED:
        with suppress(IllegalTransition):  # another process was faster
            await house.service.start(LOCAL, execution_id)
    return stored


async def _children_ended(house: House, execution_id: str) -> None:
    """Return when the children of an execution that was stopped have stopped too, or soon after."""
    with suppress(TimeoutError):
        async with asyncio.timeout(FAREWELL_SECONDS):
            async for _ in house.service.follow_tree(LOCAL, execution_id, view="compact"):
                pass


async def watch(house: House, stored: Stored, as_json: bool) -> int:
    """Show what happens until the end, and how it ended; the exit code."""
    if as_json:
        async for batch in house.service.follow(LOCAL, stored.row.id):
            print_objects(map(event_object, batch))
    progress = await _follow(house, stored, silent=as_json)
    if as_json:
        for node in progress.uncaught:
            note("\n".join(failure(progress, node)))
    else:
        typer.echo("\n".join(summary(progress)))
    if progress.status is not Status.COMPLETED:
        return FAILED
    return UNCAUGHT_FAILURES if progress.uncaught else 0


async def _follow(house: House, stored: Stored, *, silent: bool) -> Progress:
    """The whole journal added up. What is new since `stored` is shown as it comes; the last event
    of what is parked tells what it waits for."""
    is_parked = stored.dispatch.disposition is Disposition.PARKED
    new = stored.dispatch.next_position - is_parked
    text = await house.journal.flow_of(stored.dispatch.snapshot)
    progress = Progress(compile_flow(read_flow(json.loads(text))))
    with display_of(progress, silent=silent) as display:
        async for entries in follow(house.journal, house.bell, stored):
            events = list(map(decode, entries))
            for event in events:
                progress.apply(event)
            display.show([each for each in events if each.position >= new])
    return progress


def _how_to_go_on(settings: Settings, execution_id: str) -> str:
    words = ["chaingraph", "run", "--continue", execution_id]
    if settings.data_dir != Settings().data_dir and not settings.database:
        words += ["--data-dir", str(settings.data_dir)]
    for name in settings.nodes:
        words += ["--nodes", name]
    return shlex.join(words)
