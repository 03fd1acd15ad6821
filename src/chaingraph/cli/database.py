"""`chaingraph db`: the tables."""

from __future__ import annotations

import typer

from chaingraph.cli.json_lines import print_objects
from chaingraph.cli.options import AsJson, command, new_app
from chaingraph.cli.problems import FAILED
from chaingraph.settings import Settings

app = new_app("The database's version.")


@command(app, "current")
async def current(settings: Settings, as_json: AsJson = False) -> int | None:
    """Print the version of the database; nothing is changed. Exit code 1 when it is not ours."""
    from chaingraph.errors import NewerDatabase
    from chaingraph.modes import database_version

    found, newest = await database_version(settings)
    if found is not None and found > newest:
        raise NewerDatabase(found, newest)
    if as_json:
        print_objects([{"version": found, "newest": newest}])
    elif found == newest:
        typer.echo(f"{found}, the newest version")
    else:
        typer.echo(f"{found or 'no tables'}; `chaingraph db upgrade` brings it to {newest}")
    return None if found == newest else FAILED


@command(app, "upgrade")
async def upgrade(settings: Settings) -> None:
    """Create or upgrade the tables; other commands do that by themselves."""
    from chaingraph.modes import open_house

    async with open_house(settings):
        typer.echo("The database is up to date")
