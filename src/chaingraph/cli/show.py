"""Words and tables for people: with rich at a terminal, plain text in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime

import typer

WIDTH = 100
"""Longer values are cut."""


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns for the eye, or lines with tabs for a pipe."""
    if not sys.stdout.isatty():
        for row in (headers, *rows):
            typer.echo("\t".join(map(one_line, row)))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*headers, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(Text(each) for each in row))
    Console(highlight=False).print(table)


def one_line(text: str) -> str:
    return " ".join(text.split())


def shorten(text: str, width: int = WIDTH) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def duration(ms: float | None) -> str:
    """`12 ms`, `3.4 s`, `2 min 05 s`."""
    if ms is None:
        return ""
    if ms < 1000:
        return f"{ms:.0f} ms"
    if ms < 60_000:
        return f"{ms / 1000:.1f} s"
    minutes, seconds = divmod(int(ms / 1000), 60)
    return f"{minutes} min {seconds:02} s"


def local_time(at: datetime | None) -> str:
    return "" if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
