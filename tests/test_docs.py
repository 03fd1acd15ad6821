"""The reference is held against the code: what is not written down does not exist for users."""

from __future__ import annotations

import inspect
import re
from dataclasses import astuple, fields, is_dataclass
from pathlib import Path

import pytest
from pydantic import BaseModel

import chaingraph
from chaingraph import AsyncClient, client, errors, metrics
from chaingraph.api.dialects import PLAIN
from chaingraph.api.procedures import router
from chaingraph.api.schema.events import COMPACT, FULL
from chaingraph.api.schema.procedures import input_of
from chaingraph.cli import app
from chaingraph.engine.events import EventType
from chaingraph.execution.principals import SCOPES_OF, Role, Scope
from chaingraph.settings import Settings, read_settings
from chaingraph.trpc.limits import Limits
from tests.api.fake_service import FakeService
from tests.api.matrix import RUNNERS, TRPC

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def reference(name: str) -> str:
    return (DOCS / "reference" / f"{name}.md").read_text()


def test_every_error_is_in_the_reference_with_its_code() -> None:
    text = reference("errors")
    for name, each in inspect.getmembers(errors, inspect.isclass):
        if issubclass(each, errors.ChainGraphError):
            assert f"| `{name}` | {each.code} |" in text


def test_every_event_type_is_in_the_reference_with_its_data() -> None:
    text = reference("events")
    every = {each.value for each in EventType} | {"flow:snapshot"}
    assert every == set(COMPACT) == {*FULL, "flow:snapshot"}
    for name in FULL:
        ((full, compact),) = re.findall(rf"^\| `{name}` \|(.*)\|(.*)\|$", text, re.M)
        assert words(full) == members(FULL[name]), name
        if not compact.strip().startswith("the same"):
            assert words(compact) == members(COMPACT[name]), name


def words(cell: str) -> set[str]:
    return set(re.findall(r"`(\w+)\??`", cell))


def members(model: type[BaseModel]) -> set[str]:
    return {each.alias or name for name, each in model.model_fields.items()}


def test_every_procedure_is_in_the_reference_with_its_kind_and_input() -> None:
    text = reference("procedures")
    for name, procedure in router(FakeService(), PLAIN).items():
        (row,) = re.findall(rf"^\| `{name}` \| {procedure.kind} \|([^|]*)\|", text, re.M)
        model = input_of(procedure)
        assert words(row) == members(model), name
        needed = {each.alias for each in model.model_fields.values() if each.is_required()}
        assert set(re.findall(r"`(\w+)`", row)) == needed, name


def test_every_limit_is_in_the_reference() -> None:
    rows = re.findall(
        r"^\| [^|]+ \| ([\d,]+)( MiB| Ki characters)? \| .*\|$", reference("procedures"), re.M
    )
    units = {"": 1, " MiB": 1024 * 1024, " Ki characters": 1024}
    shown = [int(number.replace(",", "")) * units[unit] for number, unit in rows]
    assert shown == list(astuple(Limits()))


def test_every_setting_has_a_variable_in_the_reference_with_its_default() -> None:
    text = reference("settings")
    variables = re.findall(r"^\| `(CHAINGRAPH_\w+)` \|[^|]*\|([^|]*)\|", text, re.M)
    assert len(variables) == len(fields(Settings))
    for variable, shown in variables:
        if shown.strip():
            value = shown.strip().strip("`")
            assert read_settings({variable: value}) == Settings(), variable


def test_every_command_is_in_the_reference() -> None:
    import typer.main

    def names(command: object, path: str) -> list[str]:
        inner = getattr(command, "commands", None)
        if inner is None:
            return [path]
        return [found for name, each in inner.items() for found in names(each, f"{path} {name}")]

    text = reference("cli")
    for command in names(typer.main.get_command(app), "chaingraph"):
        assert f"### `{command}" in text, command


def test_every_call_of_the_client_is_in_the_reference_with_its_parameters() -> None:
    text = reference("client")
    for name, call in inspect.getmembers(AsyncClient, inspect.isfunction):
        if not name.startswith("_"):
            row = re.search(rf"^\| `{name}\((.*?)\)` \|", text, re.M)
            assert row is not None, name
            named = re.findall(r"(\w+)(?:=[^,]+)?(?:, |$)", row[1])
            assert named == list(inspect.signature(call).parameters)[1:], name


def test_every_record_of_the_client_is_in_the_reference_with_its_fields() -> None:
    text = reference("client")
    for name in client.__all__:
        record = getattr(client, name)
        if is_dataclass(record):
            shown = ", ".join(f"`{each.name}`" for each in fields(record))
            assert f"| `{name}` | {shown}" in text


def test_every_metric_is_in_the_reference_with_its_kind_and_meaning() -> None:
    text = reference("metrics")
    for each in metrics.REGISTRY.collect():
        if each.name.startswith("chaingraph_"):
            name = f"{each.name}_total" if each.type == "counter" else each.name
            assert f"| `{name}` | {each.type} | {each.documentation} |" in text


def test_roles_and_scopes_are_those_of_the_reference() -> None:
    text = (DOCS / "howto/authentication.md").read_text()
    for role, allowed in SCOPES_OF.items():
        (row,) = re.findall(rf"^\| `{role}` \|(.*)\|$", text, re.M)
        marks = [each.strip() == "x" for each in row.split("|")]
        assert marks == [*(scope in allowed for scope in Scope), role == Role.ADMIN], role
    for name, case in TRPC.items():
        if case.roles == RUNNERS and not name.endswith(("Execution", "Shares")):
            (row,) = re.findall(r"^\| `run` \|.*$", text, re.M)
            assert f"`{name}`" in row


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda p: p.stem)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_public_names_are_few_and_importable() -> None:
    assert len(chaingraph.__all__) <= 17
    for name in chaingraph.__all__:
        assert getattr(chaingraph, name) is not None
