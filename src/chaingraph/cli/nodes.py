"""`chaingraph nodes`: the node types, built in, your own, and those of the workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaingraph.cli.json_lines import print_objects
from chaingraph.cli.options import AsJson, command, new_app
from chaingraph.cli.show import one_line, print_table, shorten
from chaingraph.errors import NotFound
from chaingraph.settings import Settings

if TYPE_CHECKING:
    from chaingraph.execution.known_types import Declared
    from chaingraph.flow.ports import Port

app = new_app("The node types and their ports.")


@command(app, "list")
async def list_(settings: Settings, as_json: AsJson = False) -> None:
    """All node types that flows can use: those here, and those that workers published."""
    from chaingraph.modes import known_types, load_catalog

    types = await known_types(settings, load_catalog(settings))
    found = [each for name in types if (each := types.get(name)) is not None]
    if as_json:
        print_objects(map(_object, found))
        return
    rows = [(t.name, t.category, t.kind.value, shorten(one_line(t.description))) for t in found]
    print_table(("TYPE", "CATEGORY", "KIND", "DESCRIPTION"), rows)


@command(app, "show")
async def show(
    settings: Settings,
    name: Annotated[str, typer.Argument(metavar="TYPE")],
    as_json: AsJson = False,
) -> None:
    """One node type with its ports."""
    from chaingraph.modes import known_types, load_catalog

    found = (await known_types(settings, load_catalog(settings))).get(name)
    if found is None:
        raise NotFound(f"There is no node type {name}; `chaingraph nodes list` shows all")
    if as_json:
        print_objects([_object(found)])
        return
    typer.echo(f"{found.name} ({found.title}), {found.category}, {found.kind}")
    if found.description:
        typer.echo(one_line(found.description))
    print_table(("PORT", "DIRECTION", "TYPE", "DEFAULT", "ABOUT"), list(map(_row, _ports(found))))


def _ports(found: Declared) -> list[Port]:
    return list(found.ports.values())


def _row(port: Port) -> tuple[str, ...]:
    default = "" if port.default is None else shorten(repr(port.default), 30)
    options = f"{port.type}: {', '.join(port.options)}" if port.options else port.type.value
    required = "required; " if port.required else ""
    about = str(port.config.get("description") or port.title)
    return port.id, port.direction.value, options, default, required + one_line(about)


def _object(found: Declared) -> dict[str, Any]:
    return {
        "name": found.name,
        "title": found.title,
        "category": found.category,
        "description": found.description,
        "kind": found.kind.value,
        "ports": [port.config for port in found.ports.values()],
    }
