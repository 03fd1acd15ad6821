"""`chaingraph flows`: the stored flows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaingraph.cli.json_lines import print_objects
from chaingraph.cli.options import AsJson, command, new_app
from chaingraph.cli.problems import BAD_INPUT, note
from chaingraph.cli.show import local_time, print_table
from chaingraph.errors import InvalidFlow
from chaingraph.settings import Settings
from chaingraph.superjson import iso

if TYPE_CHECKING:
    from chaingraph.execution.ports import StoredFlow

app = new_app("List, show, import and check flows.")

FlowId = Annotated[str, typer.Argument(metavar="ID")]


@command(app, "import")
async def import_(
    settings: Settings,
    files: Annotated[list[str], typer.Argument(metavar="FILE...")],
    as_json: AsJson = False,
) -> None:
    """Store flows; a known id becomes the next version. One with mistakes: nothing is stored."""
    from chaingraph.cli.flow_files import read_valid_flow
    from chaingraph.execution.principals import LOCAL
    from chaingraph.modes import known_types, load_catalog, open_house

    catalog = load_catalog(settings)
    types = await known_types(settings, catalog)
    limit = settings.max_value_bytes
    found = [read_valid_flow(path, types, max_value_bytes=limit)[0] for path in files]
    async with open_house(settings, catalog) as house:
        for path, flow in zip(files, found, strict=True):
            stored = await house.service.import_flow(LOCAL, flow)
            if as_json:
                print_objects([_object(stored)])
            else:
                typer.echo(f"{path}: flow {stored.id}, version {stored.version}")


@command(app, "list")
async def list_(settings: Settings, as_json: AsJson = False) -> None:
    """All stored flows, newest first."""
    from chaingraph.execution.principals import LOCAL
    from chaingraph.modes import open_house

    async with open_house(settings) as house:
        found = await house.service.flows(LOCAL)
    if as_json:
        print_objects(map(_object, found))
        return
    rows = [
        (each.id, _name(each), str(each.version), str(len(each.data["nodes"])), _updated(each))
        for each in found
    ]
    print_table(("ID", "NAME", "VERSION", "NODES", "UPDATED"), rows)


@command(app, "show")
async def show(settings: Settings, flow_id: FlowId, as_json: AsJson = False) -> None:
    """One stored flow; with --json as a row that `flows import` and `run` accept."""
    from chaingraph.execution.principals import LOCAL
    from chaingraph.flow.codec import read_flow
    from chaingraph.modes import open_house

    async with open_house(settings) as house:
        stored = await house.service.flow(LOCAL, flow_id)
    if as_json:
        print_objects([{**_object(stored), "data": stored.data}])
        return
    typer.echo(f"{_name(stored)} ({stored.id}), version {stored.version}, {_updated(stored)}")
    flow = read_flow(stored.data)
    print_table(("NODE", "TYPE", "TITLE"), [(n.id, n.type, n.title) for n in flow.nodes.values()])
    for edge in flow.edges:
        typer.echo(str(edge))


@command(app, "validate")
async def validate(
    settings: Settings,
    file: Annotated[str, typer.Argument(metavar="FILE")],
    as_json: AsJson = False,
) -> int | None:
    """Print everything that is wrong with a flow; nothing is stored. Exit code 2 on errors."""
    from chaingraph.cli.flow_files import read_flow_file, report_on
    from chaingraph.flow.validate import Report
    from chaingraph.modes import known_types, load_catalog

    types = await known_types(settings, load_catalog(settings))
    try:
        report = report_on(read_flow_file(file, types), file, types)
    except InvalidFlow as invalid:
        report = Report(invalid.problems, ())
    if as_json:
        print_objects([{"errors": report.errors, "warnings": report.warnings}])
    else:
        for kind, findings in (("error", report.errors), ("warning", report.warnings)):
            for each in findings:
                typer.echo(f"{kind}: {each}")
        note(f"{file}: errors: {len(report.errors)}, warnings: {len(report.warnings)}")
    return BAD_INPUT if report.errors else None


def _object(stored: StoredFlow) -> dict[str, Any]:
    return {
        "id": stored.id,
        "name": _name(stored),
        "ownerId": stored.owner_id,
        "version": stored.version,
        "createdAt": iso(stored.created_at),
        "updatedAt": iso(stored.updated_at),
    }


def _name(stored: StoredFlow) -> str:
    return str((stored.data.get("metadata") or {}).get("name") or stored.id)


def _updated(stored: StoredFlow) -> str:
    return local_time(stored.updated_at)
