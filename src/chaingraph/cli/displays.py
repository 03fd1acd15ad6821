"""A run as it happens: a live table at a terminal, a line for each step in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from itertools import islice
from typing import Protocol

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from chaingraph.cli.progress import NodeProgress, Progress, Stage
from chaingraph.cli.show import duration, one_line
from chaingraph.engine.events import Event, EventType
from chaingraph.execution.times import from_ms


class Display(Protocol):
    """Shows the steps of a run; the progress knows of each event before it is shown."""

    def show(self, events: Sequence[Event]) -> None: ...


def display_of(progress: Progress, *, silent: bool) -> AbstractContextManager[Display]:
    """What fits to where the output goes."""
    if silent:
        return nullcontext(Silence())
    return _live(progress) if sys.stdout.isatty() else nullcontext(PlainLines(progress))


class Silence:
    """For when something else prints the events."""

    def show(self, events: Sequence[Event]) -> None:
        return


class PlainLines:
    """One line for each start and end of a node, and for what nodes log."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def show(self, events: Sequence[Event]) -> None:
        for event in events:
            text = self._text(event)
            if text is not None:
                typer.echo(f"{self._since_start(event):9.3f} s  {text}")

    def _since_start(self, event: Event) -> float:
        at = from_ms(event.at)
        return (at - (self._progress.started_at or at)).total_seconds()

    def _text(self, event: Event) -> str | None:
        data = event.data
        if "nodeId" not in data:
            return None
        label = self._progress.nodes[data["nodeId"]].label
        match event.type:
            case EventType.NODE_STARTED:
                return f"started    {label}"
            case EventType.NODE_COMPLETED:
                return f"completed  {label} in {duration(data.get('executionTime', 0))}"
            case EventType.NODE_FAILED:
                return f"failed     {label}: {one_line(data['error'].message)}"
            case EventType.NODE_SKIPPED:
                return f"skipped    {label}: {data['reason']}"
            case EventType.NODE_DEBUG_LOG:
                return f"log        {label}: {one_line(data['log'])}"
        return None


@contextmanager
def _live(progress: Progress) -> Iterator[Display]:
    console = Console(highlight=False)
    table = LiveTable(progress, console)
    with Live(get_renderable=table.picture, console=console, refresh_per_second=8):
        yield table


_STYLES = {
    Stage.WAITING: "dim",
    Stage.RUNNING: "cyan",
    Stage.COMPLETED: "green",
    Stage.FAILED: "bold red",
    Stage.SKIPPED: "yellow",
}
#: In a large flow only so many rows are drawn, in this order.
_URGENCY = (Stage.RUNNING, Stage.FAILED, Stage.COMPLETED, Stage.SKIPPED, Stage.WAITING)


class LiveTable:
    """The nodes and what they do; what they log scrolls by above."""

    def __init__(self, progress: Progress, console: Console) -> None:
        self._progress = progress
        self._console = console
        self._spinner = Spinner("dots")

    def show(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.type is EventType.NODE_DEBUG_LOG:
                label = self._progress.nodes[event.data["nodeId"]].label
                self._console.print(Text(f"{label}: {event.data['log']}"))

    def picture(self) -> RenderableType:
        table = Table(box=None, show_header=False, pad_edge=False)
        shown = self._shown(max(3, self._console.height - 4))
        for node in shown:
            table.add_row(*self._row(node))
        hidden = len(self._progress.nodes) - len(shown)
        rest = [Text(f"and {hidden} more nodes", style="dim")] if hidden else []
        return Group(self._head(), table, *rest)

    def _shown(self, room: int) -> list[NodeProgress]:
        nodes = self._progress.nodes
        if len(nodes) <= room:
            return list(nodes.values())
        urgent = (each for stage in _URGENCY for each in self._progress.of(stage))
        return list(islice(urgent, room))

    def _head(self) -> Text:
        progress = self._progress
        took = progress.took if progress.took is not None else _since(progress.started_at)
        nodes = f"{progress.ended} of {len(progress.nodes)} nodes"
        return Text(f"{progress.name}: {progress.status}, {nodes}, {duration(took)}")

    def _row(self, node: NodeProgress) -> tuple[RenderableType, Text, Text, Text, Text]:
        is_running = node.stage is Stage.RUNNING
        took = _since(node.started_at) if is_running else node.took
        style = _STYLES[node.stage]
        return (
            self._spinner if is_running else Text(" "),
            Text(node.stage, style=style),
            Text(node.label),
            Text(duration(took), justify="right"),
            Text(one_line(node.message), style="red" if node.stage is Stage.FAILED else "dim"),
        )


def _since(at: datetime | None) -> float | None:
    return None if at is None else (datetime.now(UTC) - at).total_seconds() * 1000
