"""`chaingraph verify`: does the journal keep its promises?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from chaingraph.cli.json_lines import print_objects, record_object
from chaingraph.cli.options import AsJson, command
from chaingraph.cli.problems import FAILED
from chaingraph.cli.sources import source_of
from chaingraph.settings import Settings

if TYPE_CHECKING:
    from chaingraph.engine.events import Event
    from chaingraph.execution.ports import Journal
    from chaingraph.execution.records import Stored


def add_to(app: typer.Typer) -> None:
    command(app, "verify")(verify)


async def verify(
    settings: Settings,
    execution: Annotated[
        str, typer.Argument(metavar="EXECUTION", help="Its id, or a file it was exported to.")
    ],
    as_json: AsJson = False,
) -> int | None:
    """Prove that the journal and the row of an execution agree. Exit code 1 if they do not.

    Of a file, every execution in it.
    """
    async with source_of(settings, execution) as source:
        checked = [source.stored]
        if source.is_file:
            checked = await source.journal.tree(source.stored.row.root_execution_id)
        broken = [await _report(source.journal, each, as_json) for each in checked]
    return FAILED if any(broken) else None


async def _report(journal: Journal, stored: Stored, as_json: bool) -> bool:
    """Print what is wrong with one execution; whether something is."""
    from chaingraph.execution import verify as promises

    events = await _all_events(journal, stored)
    findings = promises.verify(stored, events)
    if as_json:
        print_objects(map(record_object, findings))
    else:
        for each in findings:
            typer.echo(str(each))
        typer.echo(f"{stored.row.id}: {len(events)} events, {len(findings)} findings")
    return bool(findings)


async def _all_events(journal: Journal, stored: Stored) -> list[Event]:
    """What the row counts, and after the end whatever follows; what is missing is left out."""
    from chaingraph.execution.reading import decode

    events: list[Event] = []
    position, counted = 0, stored.dispatch.next_position
    while True:
        page = await journal.read(stored.row.id, position, 2_000)
        if not stored.row.status.is_terminal:
            page = [entry for entry in page if entry.position < counted]
        events += map(decode, page)
        position = page[-1].position + 1 if page else position + 1
        if not page and position > counted:
            return events
