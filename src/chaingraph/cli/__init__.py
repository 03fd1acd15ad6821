"""The commands: thin callers of the house. Heavy imports wait until a command needs them."""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from chaingraph import __version__
from chaingraph.cli import (
    database,
    doctor,
    executions,
    flows,
    nodes,
    prune,
    run,
    secrets,
    serve,
    tokens,
    users,
    verify,
)
from chaingraph.cli.options import (
    DataDir,
    Db,
    Given,
    LogFormatOption,
    LogLevelOption,
    Nodes,
    new_app,
)

app = new_app("Run flows of connected nodes as executions that cannot be lost.", completion=True)
for each in (run, serve, verify, doctor, prune):
    each.add_to(app)
app.add_typer(flows.app, name="flows")
app.add_typer(executions.app, name="executions")
app.add_typer(nodes.app, name="nodes")
app.add_typer(tokens.app, name="tokens")
app.add_typer(users.app, name="users")
app.add_typer(database.app, name="db")
app.add_typer(secrets.app, name="secrets")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"chaingraph {__version__}")
        raise typer.Exit


@app.callback()
def _before_the_command(
    context: typer.Context,
    data_dir: DataDir = None,
    db: Db = None,
    nodes: Nodes = None,
    log_level: LogLevelOption = None,
    log_format: LogFormatOption = None,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    context.obj = Given(data_dir, db, nodes, log_level, log_format)


def main() -> None:
    """The program: runs the command on the command line and exits with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A text may hold half a surrogate pair; escaped it is still valid JSON.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    app(prog_name="chaingraph")
