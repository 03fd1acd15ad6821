"""`chaingraph doctor`: will everything that has not ended go on?"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from chaingraph.cli.json_lines import print_objects
from chaingraph.cli.options import AsJson, command
from chaingraph.cli.problems import FAILED
from chaingraph.errors import BadInput
from chaingraph.settings import Settings

if TYPE_CHECKING:
    from chaingraph.durable.doctor import Finding


def add_to(app: typer.Typer) -> None:
    command(app, "doctor")(doctor)


async def doctor(
    settings: Settings,
    repair: Annotated[bool, typer.Option("--repair", help="Put right what can be.")] = False,
    as_json: AsJson = False,
) -> int | None:
    """Look for executions that nobody will wake and for workers that are none any more.

    Takes as long as a lease lasts. Exit code 1 when something is wrong and was not repaired.
    """
    from chaingraph.durable.database import database_url
    from chaingraph.durable.write_lock import held_write_lock

    stuck = await asyncio.to_thread(held_write_lock, database_url(settings.database_url))
    found: list[tuple[Finding, str | None]] = [(stuck, None)] if stuck else []
    found = found or await _examine(settings, repair)
    _print(found, as_json)
    return FAILED if any(done is None for _, done in found) else None


async def _examine(settings: Settings, repair: bool) -> list[tuple[Finding, str | None]]:
    """What was found, and what was done about it."""
    from chaingraph.durable.doctor import doctor as called
    from chaingraph.durable.fleet import SqlFleet
    from chaingraph.modes import open_house

    async with open_house(settings) as house:
        if house.database is None or house.dispatcher is None:
            raise BadInput("Only a database can be examined")
        fleet = SqlFleet(house.database, house.dispatcher, house.clock)
        with called(house.database, fleet, house.dispatcher, house.clock) as at_work:
            findings = await at_work.examine(partial(asyncio.sleep, settings.lease_seconds))
            return [(each, await at_work.repair(each) if repair else None) for each in findings]


def _print(found: list[tuple[Finding, str | None]], as_json: bool) -> None:
    if as_json:
        print_objects(
            {"check": each.check, "subject": each.subject, "what": each.what, "repaired": done}
            for each, done in found
        )
        return
    for each, done in found:
        repaired = f"; {done}" if done else ""
        typer.echo(f"{each.check}: {each.subject} {each.what}{repaired}")
    typer.echo(f"{len(found)} findings")
