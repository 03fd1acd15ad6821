"""`chaingraph prune`: executions that ended long ago are deleted."""

from __future__ import annotations

from typing import Annotated

import typer

from chaingraph.cli.json_lines import print_objects, record_object
from chaingraph.cli.options import AsJson, command
from chaingraph.errors import BadInput
from chaingraph.settings import Settings, age


def add_to(app: typer.Typer) -> None:
    command(app, "prune")(prune)


async def prune(
    settings: Settings,
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="AGE", help="Ended before that: 30d, 12h, 90m."),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option("--keep", metavar="N", min=0, help="Never the N newest of each owner."),
    ] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Only of this owner.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be deleted.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Delete trees of executions that have ended, with all that belongs to them."""
    from chaingraph.durable.prune import Retention, doomed, retain
    from chaingraph.modes import open_house

    if older_than is None and keep is None:
        raise BadInput("Say what may go: --older-than 30d, --keep 1000, or both")
    rule = Retention(age(older_than) if older_than else None, keep, owner)
    async with open_house(settings) as house:
        if house.database is None:
            raise BadInput("Only a database can be pruned")
        delete = doomed if dry_run else retain
        trees = await delete(house.database, rule, clock=house.clock)
    if as_json:
        print_objects(map(record_object, trees))
        return
    for tree in trees:
        typer.echo(f"{tree.root_id}  {tree.owner_id}  {tree.executions} executions")
    typer.echo(f"{len(trees)} trees {'would be deleted' if dry_run else 'deleted'}")
