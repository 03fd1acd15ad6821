"""`chaingraph executions`: the life of executions, one step at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

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
from chaingraph.cli.sources import Source, source_of
from chaingraph.cli.waits import waits_text
from chaingraph.settings import Settings
from chaingraph.superjson import plain

if TYPE_CHECKING:
    from chaingraph.execution.records import ExecutionRow
    from chaingraph.execution.service import TreeNode

app = new_app("List, follow and steer executions.")


@command(app, "create")
async def create(
    settings: Settings,
    flow_id: Annotated[str, typer.Argument(metavar="FLOW_ID")],
    inputs: Inputs = None,
    key: IdempotencyKey = None,
    as_json: AsJson = False,
) -> None:
    """Make an execution of a stored flow; it waits for `start`."""
    from chaingraph.cli.flow_files import read_inputs
    from chaingraph.execution.records import LOCAL
    from chaingraph.flow.codec import read_flow
    from chaingraph.modes import open_house

    async with open_house(settings) as house:
        flow = read_flow((await house.service.flow(LOCAL, flow_id)).data)
        await house.types.learn(node.type for node in flow.nodes.values())
        values = read_inputs(inputs or (), flow, house.types)
        execution_id = await house.service.create(
            LOCAL, flow_id, inputs=values, idempotency_key=key
        )
    if as_json:
        print_objects([{"id": execution_id}])
    else:
        typer.echo(execution_id)


@command(app, "list")
async def list_(
    settings: Settings,
    flow_id: Annotated[str | None, typer.Option("--flow", metavar="ID")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000)] = 50,
    as_json: AsJson = False,
) -> None:
    """Executions, newest first."""
    from chaingraph.execution.records import LOCAL
    from chaingraph.modes import open_house

    async with open_house(settings) as house:
        found = await house.service.roots(LOCAL, flow_id, limit=limit)
    rows = [root.execution for root in found]
    if as_json:
        print_objects(map(record_object, rows))
        return
    table = [(r.id, r.status, r.flow_id, local_time(r.created_at), _took(r)) for r in rows]
    print_table(("ID", "STATUS", "FLOW", "CREATED", "TOOK"), table)


@command(app, "show")
async def show(settings: Settings, execution_id: IdOrFile, as_json: AsJson = False) -> None:
    """One execution as it stands."""
    async with source_of(settings, execution_id) as source:
        members = record_object(source.stored.row)
        waits = await _waits(source)
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


@command(app, "tree")
async def tree(settings: Settings, execution_id: ExecutionId, as_json: AsJson = False) -> None:
    """An execution and all its descendants."""
    from chaingraph.execution.records import LOCAL
    from chaingraph.modes import open_house

    async with open_house(settings) as house:
        found = await house.service.tree(LOCAL, execution_id)
    if as_json:
        print_objects({"level": each.level, **record_object(each.execution)} for each in found)
        return
    ordered = list(_depth_first(found[0], found))
    rows = [(each.level, each.execution) for each in ordered]
    table = [(str(at), "  " * at + r.id, r.status, r.flow_id, _took(r)) for at, r in rows]
    print_table(("LEVEL", "ID", "STATUS", "FLOW", "TOOK"), table)


def _depth_first(top: TreeNode, nodes: Sequence[TreeNode]) -> Iterator[TreeNode]:
    children: defaultdict[str | None, list[TreeNode]] = defaultdict(list)
    for each in sorted(nodes, key=lambda node: node.execution.created_at, reverse=True):
        children[each.parent_id].append(each)
    todo = [top]
    while todo:
        yield (node := todo.pop())
        todo += children[node.id]


def _took(row: ExecutionRow) -> str:
    if row.started_at is None or row.completed_at is None:
        return ""
    return duration((row.completed_at - row.started_at).total_seconds() * 1000)


for each in (steering, forks, events, archives):
    each.add_to(app)
