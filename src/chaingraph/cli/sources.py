"""Where an execution is read from: the database, or a file that it was exported to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chaingraph.errors import ExecutionNotFound
from chaingraph.settings import Settings

if TYPE_CHECKING:
    from chaingraph.execution.ports import Journal
    from chaingraph.execution.records import Stored
    from chaingraph.execution.tree_follow import TreeBatch
    from chaingraph.execution.view import SeenEvent


@dataclass(frozen=True, slots=True)
class Source:
    """One execution, and whatever can be read of it."""

    journal: Journal
    stored: Stored
    #: its events from a position on, in full form; waits at the end of one that has not ended
    events: Callable[[int], AsyncIterator[list[SeenEvent]]]
    #: those of its whole tree
    tree_events: Callable[[], AsyncIterator[TreeBatch]]
    is_file: bool = False


@asynccontextmanager
async def source_of(settings: Settings, name: str) -> AsyncIterator[Source]:
    """The execution with this id, or the root of the tree in this file.

    Raises ExecutionNotFound, and BadInput when the file is no export.
    """
    if names_archive(name):
        yield await _in_file(Path(name))
        return
    from chaingraph.execution.principals import LOCAL
    from chaingraph.modes import open_house

    async with open_house(settings) as house:
        stored = await house.journal.get(name)
        if stored is None:
            raise ExecutionNotFound(name)
        yield Source(
            house.journal,
            stored,
            lambda start: house.service.follow(LOCAL, name, start=start),
            lambda: house.service.follow_tree(LOCAL, name),
        )


def names_archive(name: str) -> bool:
    """Whether a file is meant; an id has neither a dot nor a slash."""
    return "." in name or "/" in name or Path(name).is_file()


async def _in_file(path: Path) -> Source:
    from chaingraph.durable.archive import read_archive
    from chaingraph.durable.archive_journal import ArchiveJournal
    from chaingraph.engine.graph import Graph, compile_flow
    from chaingraph.execution.bell import LocalBell
    from chaingraph.execution.feed import Feeds
    from chaingraph.execution.follow import follow_full
    from chaingraph.execution.tree_follow import follow_tree
    from chaingraph.flow.codec import read_flow

    archive = read_archive(path)
    journal = ArchiveJournal(archive)
    stored = await journal.get(archive.root_id)
    if stored is None:
        raise ExecutionNotFound(archive.root_id)
    flow = await journal.flow_of(stored.dispatch.snapshot)

    def graph_of(snapshot: str, text: bytes) -> Graph:
        return compile_flow(read_flow(json.loads(text)))

    def events(start: int) -> AsyncIterator[list[SeenEvent]]:
        graph = graph_of(stored.dispatch.snapshot, flow)
        return follow_full(Feeds(journal), LocalBell(), stored, graph, start=start)

    def tree_events() -> AsyncIterator[TreeBatch]:
        return follow_tree(journal, LocalBell(), stored, graph_of)

    return Source(journal, stored, events, tree_events, is_file=True)
