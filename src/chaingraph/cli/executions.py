"""`chaingraph executions`: the life of executions, one step at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from chaingraph.cli import archives, events, forks, steering
from chaingraph.cli.json_lines import print_objects, record_object
from chaingraph.cli.options import (
    AsJson,
    ExecutionId,
    IdempotencyKey,
    IdOrFile,
    Inputs,
    command,
    new_app,
)
from chaingraph.cli.show import duration, local_time, print_table
from chaingraph.cli.sources import Source, names_archive, source_of
from chaingraph.cli.waits import waits_text
from chaingraph.errors import BadInput
from chaingraph.settings import Settings
from chaingraph.superjson import plain

if TYPE_CHECKING:
    from chaingraph import client
    from chaingraph.client import Execution
    from chaingraph.execution.records import ExecutionRow
    from chaingraph.execution.service import TreeNode
    from chaingraph.modes import House

    Branch: TypeAlias = TreeNode | client.TreeNode

app = new_app("List, follow and steer executions.")


@command(app, "create", remote=True)
async def create(
    settings: Settings,
    flow_id: Annotated[str, typer.Argument(metavar="FLOW_ID")],
    inputs: Inputs = None,
    key: IdempotencyKey = None,
    as_json: AsJson = False,
) -> None:
    """Make an execution of a stored flow; it waits for `start`."""
    from chaingraph.cli.executors import executor_of, house_for_inputs

    async with executor_of(settings) as executor:
        if inputs:
            execution_id = await _create(house_for_inputs(executor), flow_id, inputs, key)
        else:
            execution_id = await executor.create(flow_id, idempotency_key=key)
    if as_json:
        print_objects([{"id": execution_id}])
    else:
        typer.echo(execution_id)


async def _create(house: House, flow_id: str, inputs: Sequence[str], key: str | None) -> str:
    from chaingraph.cli.flow_files import read_inputs
    from chaingraph.execution.principals import LOCAL
    from chaingraph.flow.codec import read_flow

    flow = read_flow((await house.service.flow(LOCAL, flow_id)).data)
    await house.types.learn(node.type for node in flow.nodes.values())
    values = read_inputs(inputs, flow, house.types)
    return await house.service.create(LOCAL, flow_id, inputs=values, idempotency_key=key)


@command(app, "list", remote=True)
async def list_(
    settings: Settings,
    flow_id: Annotated[str | None, typer.Option("--flow", metavar="ID")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000)] = 50,
    as_json: AsJson = False,
) -> None:
    """Executions, newest first."""
    rows = await _rows(settings, flow_id, limit)
    if as_json:
        print_objects(map(record_object, rows))
        return
    table = [(r.id, r.status, r.flow_id, local_time(r.created_at), _took(r)) for r in rows]
    print_table(("ID", "STATUS", "FLOW", "CREATED", "TOOK"), table)


async def _rows(
    settings: Settings, flow_id: str | None, limit: int
) -> Sequence[ExecutionRow | Execution]:
    from chaingraph.cli.executors import Local, executor_of

    async with executor_of(settings) as executor:
        if isinstance(executor, Local):
            return [each.execution for each in await executor.roots(flow_id, limit=limit)]
        if flow_id is None:
            raise BadInput("A server lists the executions of one flow: name it with --flow")
        return [each.execution for each in await executor.roots(flow_id, limit=limit)]


@command(app, "show", remote=True)
async def show(settings: Settings, execution_id: IdOrFile, as_json: AsJson = False) -> None:
    """One execution as it stands."""
    row, waits = await _as_it_stands(settings, execution_id)
    members = record_object(row)
    if as_json:
        print_objects([members])
        return
    for name, value in members.items():
        if value not in (None, {}, []):
            typer.echo(f"{name}: {plain(value)}")
    for wait in waits:
        typer.echo(f"waits: {wait}")


async def _waits(source: Source) -> list[str]:
    """What a parked execution waits for: its last event tells."""
    if not source.stored.row.status.is_terminal:
        async for batch in source.events(source.stored.dispatch.next_position - 1):
            return waits_text(batch[-1].data) if batch[-1].type == "flow:parked" else []
    return []


async def _as_it_stands(
    settings: Settings, name: str
) -> tuple[ExecutionRow | Execution, list[str]]:
    """An execution, and what it waits for in words; of one on a server that is not told."""
    if not settings.server or names_archive(name):
        async with source_of(settings, name) as source:
            return source.stored.row, await _waits(source)
    from chaingraph.cli.executors import server_of

    async with server_of(settings) as client:
        return await client.details(name), []


@command(app, "tree", remote=True)
async def tree(settings: Settings, execution_id: ExecutionId, as_json: AsJson = False) -> None:
    """An execution and all its descendants."""
    from chaingraph.cli.executors import executor_of

    async with executor_of(settings) as executor:
        found = await executor.tree(execution_id)
    if as_json:
        print_objects({"level": each.level, **record_object(each.execution)} for each in found)
        return
    ordered = list(_depth_first(found[0], found))
    rows = [(each.level, each.execution) for each in ordered]
    table = [(str(at), "  " * at + r.id, r.status, r.flow_id, _took(r)) for at, r in rows]
    print_table(("LEVEL", "ID", "STATUS", "FLOW", "TOOK"), table)


def _depth_first(top: Branch, nodes: Sequence[Branch]) -> Iterator[Branch]:
    children: defaultdict[str | None, list[Branch]] = defaultdict(list)
    for each in sorted(nodes, key=lambda node: node.execution.created_at, reverse=True):
        children[each.parent_id].append(each)
    todo = [top]
    while todo:
        yield (node := todo.pop())
        todo += children[node.id]


def _took(row: ExecutionRow | Execution) -> str:
    if row.started_at is None or row.completed_at is None:
        return ""
    return duration((row.completed_at - row.started_at).total_seconds() * 1000)


for each in (steering, forks, events, archives):
    each.add_to(app)
