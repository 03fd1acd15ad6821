"""`chaingraph executions export` and `import`: executions on their way to another database."""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Annotated

import typer

from chaingraph.cli.json_lines import print_objects
from chaingraph.cli.options import AsJson, command
from chaingraph.cli.problems import note
from chaingraph.errors import BadInput
from chaingraph.settings import Settings


def add_to(app: typer.Typer) -> None:
    command(app, "export")(export)
    command(app, "import")(import_)


async def export(
    settings: Settings,
    execution_id: Annotated[str, typer.Argument(metavar="ID")],
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="Packed if it ends with .gz; else standard output."),
    ] = None,
) -> None:
    """Write an execution with its whole tree into one file."""
    from chaingraph.durable.transfer import export as lines_of
    from chaingraph.modes import open_house

    async with open_house(settings) as house:
        assert house.database is not None
        lines = lines_of(house.database, execution_id)
        if file is None:
            await _write(lines, sys.stdout.buffer)
        else:
            await _write_file(lines, file)
            note(f"Exported execution {execution_id} to {file}")


async def _write_file(lines: AsyncIterator[bytes], file: Path) -> None:
    """The file appears when it is complete; one that is there is replaced only then."""
    unfinished = file.with_name(f"{file.name}.part")
    try:
        with gzip.open(unfinished, "wb") if file.suffix == ".gz" else unfinished.open("wb") as out:
            await _write(lines, out)
        os.replace(unfinished, file)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()


async def _write(lines: AsyncIterator[bytes], out: IO[bytes] | gzip.GzipFile) -> None:
    async for line in lines:
        out.write(line)
    out.flush()


async def import_(
    settings: Settings,
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    as_json: AsJson = False,
) -> None:
    """Put an exported tree into this database; what had not ended goes on here."""
    from chaingraph.durable.archive import read_archive
    from chaingraph.durable.transfer import restore
    from chaingraph.modes import open_house

    archive = read_archive(file)
    async with open_house(settings) as house:
        if house.database is None or house.dispatcher is None:
            raise BadInput("Only a database can take an execution")
        segments = await restore(house.database, house.dispatcher, archive, now=house.clock())
        for segment in segments:
            house.launch(segment)
        if segments and not await house.has_live_worker():
            note("Warning: no worker is running; `chaingraph serve` goes on with the execution.")
    if as_json:
        print_objects([{"id": archive.root_id, "queued": len(segments)}])
    else:
        typer.echo(archive.root_id)
