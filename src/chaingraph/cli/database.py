"""`chaingraph db`: the tables."""

from __future__ import annotations

import typer

from chaingraph.cli.options import command, new_app
from chaingraph.settings import Settings

app = new_app("The database's version.")


@command(app, "upgrade")
async def upgrade(settings: Settings) -> None:
    """Create or upgrade the tables; other commands do that by themselves."""
    from chaingraph.modes import open_house

    async with open_house(settings):
        typer.echo("The database is up to date")
