"""`chaingraph executions fork` and `retry`: new executions that go on from old ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaingraph.cli.json_lines import print_objects
from chaingraph.cli.options import AsJson, ExecutionId, IdempotencyKey, Inputs, command
from chaingraph.errors import ExecutionNotFound
from chaingraph.settings import Settings

if TYPE_CHECKING:
    from chaingraph.cli.executors import Executor
    from chaingraph.flow.model import Flow
    from chaingraph.modes import House

Start = Annotated[bool, typer.Option("--start/--no-start", help="Whether it runs at once.")]


def add_to(app: typer.Typer) -> None:
    command(app, "fork", remote=True)(fork)
    command(app, "retry", remote=True)(retry)


async def fork(
    settings: Settings,
    execution_id: ExecutionId,
    again: Annotated[
        list[str] | None,
        typer.Option("--node", metavar="NODE", help="A node that shall run again. Repeatable."),
    ] = None,
    inputs: Inputs = None,
    newer: Annotated[
        bool, typer.Option("--newer", help="Take the flow as it is stored now.")
    ] = False,
    start: Start = True,
    key: IdempotencyKey = None,
    as_json: AsJson = False,
) -> None:
    """Make an execution in which these nodes, all that depends on them and all that had not
    ended run; the rest is as it was. `--input` gives other values to nodes that run."""
    from chaingraph.cli.executors import executor_of

    async with executor_of(settings) as executor:
        values = await _values(executor, execution_id, inputs or (), newer)
        forked = await executor.fork(
            execution_id,
            nodes=again or (),
            inputs=values,
            newer=newer,
            start=start,
            idempotency_key=key,
        )
        await _tell(executor, forked, start, as_json)


async def retry(
    settings: Settings,
    execution_id: ExecutionId,
    start: Start = True,
    key: IdempotencyKey = None,
    as_json: AsJson = False,
) -> None:
    """Fork from the nodes that failed."""
    from chaingraph.cli.executors import executor_of

    async with executor_of(settings) as executor:
        retried = await executor.retry(execution_id, start=start, idempotency_key=key)
        await _tell(executor, retried, start, as_json)


async def _values(
    executor: Executor, execution_id: str, given: Sequence[str], newer: bool
) -> dict[str, Any] | None:
    if not given:
        return None
    from chaingraph.cli.executors import house_for_inputs
    from chaingraph.cli.flow_files import read_inputs

    house = house_for_inputs(executor)
    flow = await _flow(house, execution_id, newer)
    await house.types.learn(node.type for node in flow.nodes.values())
    return read_inputs(given, flow, house.types)


async def _flow(house: House, execution_id: str, newer: bool) -> Flow:
    """The flow that the fork will run."""
    from chaingraph.execution.principals import LOCAL
    from chaingraph.flow.codec import read_flow

    stored = await house.journal.get(execution_id)
    if stored is None:
        raise ExecutionNotFound(execution_id)
    if newer:
        return read_flow((await house.service.flow(LOCAL, stored.row.flow_id)).data)
    return read_flow(json.loads(await house.journal.flow_of(stored.dispatch.snapshot)))


async def _tell(executor: Executor, execution_id: str, started: bool, as_json: bool) -> None:
    from chaingraph.cli.executors import warn_without_worker

    row = await executor.details(execution_id)
    if as_json:
        print_objects([{"id": row.id, "status": row.status}])
    else:
        typer.echo(row.id)
    if started:
        await warn_without_worker(executor, row)
