"""`chaingraph executions`: the life of executions, one step at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from chaingraph.cli import archives
from chaingraph.cli.json_lines import event_object, plain, print_objects, record_object
from chaingraph.cli.options import AsJson, Inputs, command, new_app
from chaingraph.cli.problems import note
from chaingraph.cli.show import duration, local_time, one_line, print_table, shorten
from chaingraph.cli.sources import source_of
from chaingraph.errors import BadInput
from chaingraph.settings import Settings

if TYPE_CHECKING:
    from chaingraph.execution.records import ExecutionRow
    from chaingraph.execution.view import SeenEvent
    from chaingraph.modes import House

app = new_app("List, follow and steer executions.")
archives.add_to(app)

ExecutionId = Annotated[str, typer.Argument(metavar="ID")]
IdOrFile = Annotated[
    str, typer.Argument(metavar="ID", help="Or a file that an execution was exported to.")
]


@command(app, "create")
async def create(
    settings: Settings,
    flow_id: Annotated[str, typer.Argument(metavar="FLOW_ID")],
    inputs: Inputs = None,
    key: Annotated[
        str | None,
        typer.Option("--idempotency-key", help="The same key and input: the same execution again."),
    ] = None,
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


@command(app, "start")
async def start(settings: Settings, execution_id: ExecutionId, as_json: AsJson = False) -> None:
    """Let a created execution run, in whatever worker is alive."""
    from chaingraph.execution.records import LOCAL
    from chaingraph.modes import open_house

    async with open_house(settings) as house:
        await house.service.start(LOCAL, execution_id)
        await _acknowledge(house, execution_id, as_json)


@command(app, "stop")
async def stop(
    settings: Settings,
    execution_id: ExecutionId,
    reason: Annotated[str | None, typer.Option("--reason", help="Kept in the last event.")] = None,
    as_json: AsJson = False,
) -> None:
    """Cancel what runs and end in `flow:cancelled`."""
    from chaingraph.execution.records import LOCAL
    from chaingraph.modes import open_house

    async with open_house(settings) as house:
        await house.service.stop(LOCAL, execution_id, reason=reason)
        await _acknowledge(house, execution_id, as_json)


async def _acknowledge(house: House, execution_id: str, as_json: bool) -> None:
    """With --json say where the execution stands; warn when nobody will read the command."""
    from chaingraph.execution.records import LOCAL

    row = await house.service.details(LOCAL, execution_id)
    if as_json:
        print_objects([{"id": row.id, "status": row.status}])
    if not row.status.is_terminal and not await house.has_live_worker():
        note(
            "Warning: no worker is running. The command is kept and takes effect with "
            f"`chaingraph serve` or `chaingraph run --continue {execution_id}`."
        )


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
    if as_json:
        print_objects([members])
        return
    for name, value in members.items():
        if value not in (None, {}, []):
            typer.echo(f"{name}: {plain(value)}")


@command(app, "events")
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
    as_json: AsJson = False,
) -> None:
    """The journal of an execution, from position N on."""
    wanted = _known_types(types or ())
    async with source_of(settings, execution_id) as source:
        present = source.stored.dispatch.next_position
        start = max(0, present + start) if start < 0 else start
        follow = follow and not source.is_file
        if start >= present and not follow:
            return
        async for batch in source.events(start):
            shown = batch if follow else [e for e in batch if e.position < present]
            _print([e for e in shown if not wanted or e.type in wanted], as_json)
            if not follow and batch[-1].position >= present - 1:
                return


def _known_types(types: Sequence[str]) -> frozenset[str]:
    from chaingraph.engine.events import EventType

    known = [each.value for each in EventType]
    for each in types:
        if each not in known:
            raise BadInput(f"There is no event type {each}; there are {', '.join(known)}")
    return frozenset(types)


def _print(shown: Sequence[SeenEvent], as_json: bool) -> None:
    if as_json:
        print_objects(map(event_object, shown))
        return
    for event in shown:
        at = event.timestamp.astimezone().strftime("%H:%M:%S.%f")[:-3]
        typer.echo(f"{event.position:>6}  {at}  {event.type:<24}  {_about(event)}".rstrip())


def _about(event: SeenEvent) -> str:
    """What an event is about: its node or edge, and what it says."""
    data = plain(event.data)
    node, edge = data.get("node") or {}, data.get("serializedEdge") or {}
    ends = ("sourceNodeId", "sourcePortId", "targetNodeId", "targetPortId")
    where = "{}.{} -> {}.{}".format(*(edge[end] for end in ends)) if edge else ""
    said = (data.get("error") or {}).get("message") or data.get("reason") or data.get("log")
    parts = (data.get("nodeId") or node.get("id"), data.get("newStatus"), where, said)
    return shorten(one_line("  ".join(str(part) for part in parts if part)))


def _took(row: ExecutionRow) -> str:
    if row.started_at is None or row.completed_at is None:
        return ""
    return duration((row.completed_at - row.started_at).total_seconds() * 1000)
