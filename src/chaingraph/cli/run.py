"""`chaingraph run`: one execution, here, from its start or from where it was left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from chaingraph.cli.options import AsJson, Inputs, command
from chaingraph.cli.problems import note
from chaingraph.errors import BadInput, ExecutionNotFound
from chaingraph.settings import Settings

if TYPE_CHECKING:
    from chaingraph.engine.catalog import Catalog
    from chaingraph.execution.records import Stored
    from chaingraph.modes import House

PAGE = 200


def add_to(app: typer.Typer) -> None:
    command(app, "run")(run)


async def run(
    settings: Settings,
    flow: Annotated[
        str | None,
        typer.Argument(metavar="FLOW", help="A file, or the id of a stored flow."),
    ] = None,
    inputs: Inputs = None,
    continued: Annotated[
        bool,
        typer.Option("--continue", help="Go on with execution FLOW, or the newest unfinished one."),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Run one flow and show its nodes at work. Ctrl-C stops it, a second Ctrl-C leaves it.

    Exit code 0: completed; 3: completed, with failed nodes that the flow does not handle; 1: failed
    or stopped; 2: nothing was run.
    """
    from chaingraph.modes import load_catalog

    catalog = load_catalog(settings)
    if continued:
        if inputs:
            raise BadInput("--input is for new executions; this one has its inputs")
        return await _go_on(settings, catalog, flow, as_json)
    if flow is None:
        raise BadInput("Name a flow: a file, or the id of a stored one")
    return await _run_new(settings, catalog, flow, inputs or (), as_json)


async def _run_new(
    settings: Settings, catalog: Catalog, name: str, given: Sequence[str], as_json: bool
) -> int:
    from chaingraph.cli.flow_files import names_file, read_inputs, read_valid_flow
    from chaingraph.cli.watching import work_on
    from chaingraph.execution.principals import LOCAL
    from chaingraph.flow.codec import read_flow
    from chaingraph.modes import open_house

    limit = settings.max_value_bytes
    parsed = None
    if names_file(name):
        parsed = read_valid_flow(name, catalog, given=given, max_value_bytes=limit)
    async with open_house(settings, catalog) as house:
        if parsed is not None:
            flow, inputs = parsed
            await house.service.import_flow(LOCAL, flow, inputs)
        else:
            flow = read_flow((await house.service.flow(LOCAL, name)).data)
            inputs = read_inputs(given, flow, catalog)
        execution_id = await house.service.create(LOCAL, flow.id, inputs=inputs)
        note(f"Execution {execution_id} of flow {flow.name}")
        return await work_on(house, execution_id, as_json)


async def _go_on(
    settings: Settings, catalog: Catalog, execution_id: str | None, as_json: bool
) -> int:
    from chaingraph.cli.watching import watch, work_on
    from chaingraph.modes import open_house

    async with open_house(settings, catalog) as house:
        found = await (house.journal.get(execution_id) if execution_id else _newest(house))
        if found is None and execution_id:
            raise ExecutionNotFound(execution_id)
        if found is None:
            raise BadInput("There is no unfinished execution")
        if found.row.status.is_terminal:
            note(f"Execution {found.row.id} has ended before: {found.row.status}")
            return await watch(house, found, as_json)
        note(f"Going on with execution {found.row.id}, created {found.row.created_at:%F %T} UTC")
        return await work_on(house, found.row.id, as_json)


async def _newest(house: House) -> Stored | None:
    """The newest execution that has not ended; one that was started goes before all others."""
    after = unstarted = None
    while page := await house.journal.roots(None, PAGE, after):
        for stored in page:
            if not stored.row.status.is_terminal:
                if stored.dispatch.number:
                    return stored
                unstarted = unstarted or stored
        after = page[-1].row.created_at
    return unstarted
