"""`chaingraph executions events`: the journal of an execution, or of a whole tree."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaingraph.cli.json_lines import event_object, print_objects
from chaingraph.cli.options import AsJson, IdOrFile, command
from chaingraph.cli.show import one_line, shorten
from chaingraph.cli.sources import Source, names_archive, source_of
from chaingraph.cli.waits import waits_text
from chaingraph.errors import BadInput
from chaingraph.settings import Settings
from chaingraph.superjson import plain

if TYPE_CHECKING:
    from chaingraph import client
    from chaingraph.client import AsyncClient, Event
    from chaingraph.execution.tree_follow import TreeBatch, TreeEvent
    from chaingraph.execution.view import SeenEvent


def add_to(app: typer.Typer) -> None:
    command(app, "events", remote=True)(events)


async def events(
    settings: Settings,
    execution_id: IdOrFile,
    follow: Annotated[bool, typer.Option("--follow", help="Wait for more, until the end.")] = False,
    start: Annotated[
        int, typer.Option("--from", metavar="N", help="A position; -3: the last three.")
    ] = 0,
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Only this type. May be repeated.")
    ] = None,
    tree: Annotated[bool, typer.Option("--tree", help="Of all descendants too.")] = False,
    as_json: AsJson = False,
) -> None:
    """The journal of an execution, from position N on."""
    wanted = _known_types(types or ())
    if tree and start:
        raise BadInput("--from counts the positions of one execution; a tree has no such order")
    if settings.server and not names_archive(execution_id):
        await _from_server(settings, execution_id, follow, start, wanted, tree, as_json)
        return
    async with source_of(settings, execution_id) as source:
        follow = follow and not source.is_file
        if tree:
            async for several in _of_tree(source, follow):
                found = [each for each in several if not wanted or each.event.type in wanted]
                _print_tree(found, as_json)
            return
        async for batch in _of_one(source, start, follow):
            _print([each for each in batch if not wanted or each.type in wanted], as_json)


async def _from_server(
    settings: Settings,
    execution_id: str,
    follow: bool,
    start: int,
    wanted: frozenset[str],
    tree: bool,
    as_json: bool,
) -> None:
    from chaingraph.cli.executors import server_of

    if tree and not follow:
        raise BadInput("A server tells of a tree as it grows: --tree needs --follow")
    async with server_of(settings) as client:
        if tree:
            async for batch in client.follow_tree(execution_id, types=wanted):
                _print_tree(batch.events, as_json)
            return
        async with aclosing(_of_server(client, execution_id, start, follow)) as events:
            async for event in events:
                if not wanted or event.type in wanted:
                    _print([event], as_json)


async def _of_server(
    client: AsyncClient, execution_id: str, start: int, follow: bool
) -> AsyncGenerator[Event]:
    """As `_of_one`."""
    async with aclosing(client.follow(execution_id, -1)) as newest:
        present = (await anext(newest)).position + 1
    if start >= present and not follow:
        return
    async with aclosing(client.follow(execution_id, start)) as events:
        async for event in events:
            yield event
            if not follow and event.position >= present - 1:
                return


async def _of_one(source: Source, start: int, follow: bool) -> AsyncIterator[list[SeenEvent]]:
    """The events from `start` on: those there are, and with `follow` all that come."""
    present = source.stored.dispatch.next_position
    start = max(0, present + start) if start < 0 else start
    if start >= present and not follow:
        return
    async for batch in source.events(start):
        yield batch if follow else [each for each in batch if each.position < present]
        if not follow and batch[-1].position >= present - 1:
            return


async def _of_tree(source: Source, follow: bool) -> AsyncIterator[Sequence[TreeEvent]]:
    heads = await source.journal.heads(source.stored.row.root_execution_id)
    batches = source.tree_events()
    if not follow:
        batches = _present(batches, heads, source.stored.row.id)
    async for batch in batches:
        yield batch.events


async def _present(
    batches: AsyncIterator[TreeBatch], heads: Mapping[str, int], followed: str
) -> AsyncIterator[TreeBatch]:
    """What there was when the next positions were these `heads`."""
    from dataclasses import replace

    from chaingraph.engine.events import EventType

    missing = {followed}
    async for batch in batches:
        old = [e for e in batch.events if e.event.position < heads.get(e.execution_id, 0)]
        yield replace(batch, events=tuple(old))
        for each in old:
            if each.event.type == EventType.CHILD_SPAWNED:
                missing |= {each.event.data["executionId"]} & heads.keys()
            if each.event.position == heads[each.execution_id] - 1:
                missing.discard(each.execution_id)
        if not missing:
            return


def _known_types(types: Sequence[str]) -> frozenset[str]:
    from chaingraph.engine.events import EventType

    known = [each.value for each in EventType]
    for each in types:
        if each not in known:
            raise BadInput(f"There is no event type {each}; there are {', '.join(known)}")
    return frozenset(types)


def _print(shown: Sequence[SeenEvent | Event], as_json: bool) -> None:
    if as_json:
        print_objects(map(event_object, shown))
        return
    for event in shown:
        typer.echo(_line(event))


def _print_tree(shown: Sequence[TreeEvent | client.TreeEvent], as_json: bool) -> None:
    if as_json:
        print_objects({"executionId": e.execution_id, **event_object(e.event)} for e in shown)
        return
    for each in shown:
        typer.echo(f"{each.execution_id}  {_line(each.event)}")


def _line(event: SeenEvent | Event) -> str:
    at = event.timestamp.astimezone().strftime("%H:%M:%S.%f")[:-3]
    return f"{event.position:>6}  {at}  {event.type:<24}  {_about(event)}".rstrip()


def _about(event: SeenEvent | Event) -> str:
    """What an event is about: its node or edge, and what it says."""
    data: dict[str, Any] = plain(event.data)
    node, edge = data.get("node") or {}, data.get("serializedEdge") or {}
    ends = ("sourceNodeId", "sourcePortId", "targetNodeId", "targetPortId")
    where = "{}.{} -> {}.{}".format(*(edge[end] for end in ends)) if edge else ""
    parts = (data.get("nodeId") or node.get("id"), data.get("newStatus"), where, _said(event, data))
    return shorten(one_line("  ".join(str(part) for part in parts if part)))


def _said(event: SeenEvent | Event, data: Mapping[str, Any]) -> str:
    if event.type == "flow:parked":
        return "; ".join(waits_text(data))
    error = data.get("error")
    told = error.get("message") if isinstance(error, Mapping) else error
    parts = (data.get("name"), data.get("executionId"), told, data.get("reason"), data.get("log"))
    return "  ".join(str(part) for part in parts if part)
