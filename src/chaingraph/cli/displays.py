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
from chaingraph.cli.waits import waits_text
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
    """One line for each start and end of a node, for what nodes log and what is waited for."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def show(self, events: Sequence[Event]) -> None:
        for event in events:
            for text in self._texts(event):
                typer.echo(f"{self._since_start(event):9.3f} s  {text}")

    def _since_start(self, event: Event) -> float:
        at = from_ms(event.at)
        return (at - (self._progress.started_at or at)).total_seconds()

    def _texts(self, event: Event) -> list[str]:
        data = event.data
        match event.type:
            case EventType.FLOW_PARKED:
                return [f"waiting    {text}" for text in waits_text(data, self._label)]
            case EventType.FLOW_PAUSED:
                reason = f": {one_line(data['reason'])}" if data["reason"] else ""
                return [f"paused     by {data['by']}{reason}"]
            case EventType.FLOW_RESUMED:
                return [f"resumed    by {data['by']}"]
            case EventType.SIGNAL_REJECTED:
                return [f"rejected   signal {data['name']}: {one_line(data['reason'])}"]
        return self._texts_of_node(event) if "nodeId" in data else []

    def _texts_of_node(self, event: Event) -> list[str]:
        data, label = event.data, self._label(event.data["nodeId"])
        match event.type:
            case EventType.NODE_STARTED:
                return [f"started    {label}"]
            case EventType.NODE_COMPLETED:
                return [f"completed  {label} in {duration(data.get('executionTime', 0))}"]
            case EventType.NODE_FAILED:
                return [f"failed     {label}: {one_line(data['error'].message)}"]
            case EventType.NODE_SKIPPED:
                return [f"skipped    {label}: {data['reason']}"]
            case EventType.NODE_DEBUG_LOG:
                return [f"log        {label}: {one_line(data['log'])}"]
            case EventType.NODE_RETRY_SCHEDULED:
                again = "out of tries" if data["at"] is None else "to be tried again"
                return [f"failed     {label}, {again}: {one_line(data['error'].message)}"]
        return []

    def _label(self, node_id: str) -> str:
        return self._progress.nodes[node_id].label


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

#: Of what is waited for only so many lines are drawn.
MOST = 3


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
        waits = [Text(f"waiting {text}", style="cyan") for text in self._progress.waits[:MOST]]
        shown = self._shown(max(3, self._console.height - 4 - len(waits)))
        for node in shown:
            table.add_row(*self._row(node))
        hidden = len(self._progress.nodes) - len(shown)
        rest = [Text(f"and {hidden} more nodes", style="dim")] if hidden else []
        return Group(self._head(), *waits, table, *rest)

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
