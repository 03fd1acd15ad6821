"""`chaingraph secrets`: the keys that secrets are sealed with."""

from __future__ import annotations

import typer

from chaingraph.cli.options import command, new_app
from chaingraph.settings import Settings

app = new_app("Keys for secrets.")


@app.callback()
def _group() -> None:
    """Keys for secrets."""


@command(app, "new-key")
def new_key(settings: Settings) -> None:
    """Print a new key for CHAINGRAPH_SECRET_KEY. It is kept nowhere."""
    from chaingraph.execution.vault import new_key

    typer.echo(new_key())
