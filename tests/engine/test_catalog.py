from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

from chaingraph.engine import catalog as catalog_module
from chaingraph.engine.authoring import node, node_type_of
from chaingraph.engine.catalog import (
    Catalog,
    from_module,
    load_entry_points,
    load_module_or_file,
)
from chaingraph.errors import BadInput, BadNodeType
from chaingraph.flow.model import NodeTypes

TWO_NODES = """
from __future__ import annotations
from dataclasses import dataclass
from chaingraph.engine.authoring import node

@dataclass
class Point:
    x: float

@node()
def shout(text: str) -> str:
    return text.upper()

@node()
def place(at: Point) -> float:
    return at.x
"""


@node()
def beta() -> None: ...


@node()
class Alpha:
    value: str = ""


@node(name="Alpha")
def another() -> None: ...


@pytest.fixture(autouse=True)
def imports_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        del sys.modules[name]


def test_a_catalog_finds_types_by_name_and_lists_them_sorted() -> None:
    catalog = Catalog.of(beta, Alpha)
    types: NodeTypes = catalog
    assert types.get("Alpha") is node_type_of(Alpha)
    assert types.get("Gamma") is None
    assert list(catalog) == ["Alpha", "Beta"]
    assert "Beta" in catalog and len(catalog) == 2
    assert catalog["Beta"] is node_type_of(beta)


def test_a_catalog_is_made_of_modules_and_other_catalogs() -> None:
    module = ModuleType("offer")
    module.__dict__.update(beta=beta, again=beta, number=3)
    assert list(Catalog.of(module, Catalog.of(Alpha))) == ["Alpha", "Beta"]
    assert from_module(module) == (node_type_of(beta),)


def test_a_name_taken_by_another_type_is_an_error_that_names_both() -> None:
    catalog = Catalog.of(Alpha)
    with pytest.raises(BadNodeType) as caught:
        catalog.add(beta, another)
    assert f"{__name__}.Alpha and {__name__}.another" in str(caught.value)
    assert list(catalog) == ["Alpha"]


def test_the_same_type_may_come_twice() -> None:
    assert list(Catalog.of(beta, beta)) == ["Beta"]


def test_a_file_of_nodes_is_loaded_once(tmp_path: Path) -> None:
    path = tmp_path / "my_nodes.py"
    path.write_text(TWO_NODES)
    first, second = load_module_or_file(str(path)), load_module_or_file(str(path))
    assert [each.name for each in first] == ["Shout", "Place"]
    assert first[0] is second[0]


def test_a_file_may_import_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_nodes.py").write_text(TWO_NODES)
    path = tmp_path / "my_nodes.py"
    path.write_text("from neighbour_of_nodes import shout\n")
    assert [each.name for each in load_module_or_file(str(path))] == ["Shout"]


def test_a_module_is_found_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop_nodes").mkdir()
    (tmp_path / "shop_nodes" / "orders.py").write_text(TWO_NODES)
    monkeypatch.chdir(tmp_path)
    assert len(load_module_or_file("shop_nodes.orders")) == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("x = 1", "holds no nodes"),
        (None, "FileNotFoundError"),
    ],
)
def test_a_file_that_cannot_be_loaded_says_why(
    tmp_path: Path, text: str | None, reason: str
) -> None:
    path = tmp_path / "broken.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BadInput, match=reason):
        load_module_or_file(str(path))


def test_an_unknown_module_is_bad_input() -> None:
    with pytest.raises(BadInput, match="No module named 'no_such_nodes'"):
        load_module_or_file("no_such_nodes")


def test_a_broken_plug_in_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "good_plug_in.py").write_text(TWO_NODES)
    (tmp_path / "bad_plug_in.py").write_text("raise RuntimeError('out of order')")
    monkeypatch.syspath_prepend(tmp_path)
    offered = (
        metadata.EntryPoint("bad", "bad_plug_in", "chaingraph.nodes"),
        metadata.EntryPoint("taken", f"{__name__}:another", "chaingraph.nodes"),
        metadata.EntryPoint("module", "good_plug_in", "chaingraph.nodes"),
        metadata.EntryPoint("one", "good_plug_in:shout", "chaingraph.nodes"),
    )
    monkeypatch.setattr(catalog_module, "entry_points", lambda group: offered)

    catalog = load_entry_points(into=Catalog.of(Alpha))

    assert list(catalog) == ["Alpha", "Place", "Shout"]
    bad, taken = (record.getMessage() for record in caplog.records)
    assert bad == "Plug-in bad (bad_plug_in) is left out: out of order"
    assert "Plug-in taken" in taken and "is defined twice" in taken
