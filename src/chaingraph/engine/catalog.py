"""Which node types there are, and where to find more."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from chaingraph.engine.authoring import node_type_of
from chaingraph.engine.node import NodeType
from chaingraph.errors import BadInput, BadNodeType

logger = logging.getLogger(__name__)


class Catalog:
    """Node types by name. Iterates over the names, sorted."""

    def __init__(self) -> None:
        self._types: dict[str, NodeType] = {}

    @classmethod
    def of(cls, *things: object) -> Catalog:
        """A catalog of node types, decorated functions and classes, modules and catalogs."""
        catalog = cls()
        for thing in things:
            catalog.add(*_node_types(thing))
        return catalog

    def add(self, *things: object) -> None:
        """Add all of them or, if one of the names is taken by another type, none: BadNodeType."""
        types = dict(self._types)
        for thing in things:
            new = node_type_of(thing)
            known = types.setdefault(new.name, new)
            if known is not new:
                both = f"{_origin(known)} and {_origin(new)}"
                raise BadNodeType(new.name, f"is defined twice, by {both}")
        self._types = types

    def get(self, name: str) -> NodeType | None:
        return self._types.get(name)

    def __getitem__(self, name: str) -> NodeType:
        return self._types[name]

    def __contains__(self, name: object) -> bool:
        return name in self._types

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._types))

    def __len__(self) -> int:
        return len(self._types)


def _node_types(thing: object) -> tuple[NodeType, ...]:
    if isinstance(thing, Catalog):
        return tuple(thing[name] for name in thing)
    if isinstance(thing, ModuleType):
        return from_module(thing)
    return (node_type_of(thing),)


def _origin(node_type: NodeType) -> str:
    body = node_type.body
    return f"{body.__module__}.{getattr(body, '__qualname__', type(body).__qualname__)}"


def from_module(module: ModuleType) -> tuple[NodeType, ...]:
    """The node types that a module holds, its own and imported ones."""
    found = {
        id(each): each
        for each in (getattr(thing, "node_type", thing) for thing in vars(module).values())
        if isinstance(each, NodeType)
    }
    return tuple(found.values())


def load_entry_points(group: str = "chaingraph.nodes", *, into: Catalog | None = None) -> Catalog:
    """Add what installed distributions offer: each entry point names a module or a node.

    A plug-in that cannot be loaded, or whose names are taken, is logged and left out.
    """
    catalog = into if into is not None else Catalog()
    for entry_point in entry_points(group=group):
        try:
            catalog.add(*_node_types(entry_point.load()))
        except Exception as error:
            logger.warning("Plug-in %s is left out: %s", _plug_in(entry_point), error)
    return catalog


def _plug_in(entry_point: EntryPoint) -> str:
    distribution = f" of {entry_point.dist.name}" if entry_point.dist is not None else ""
    return f"{entry_point.name} ({entry_point.value}){distribution}"


def load_module_or_file(text: str) -> tuple[NodeType, ...]:
    """The node types of `path/my_nodes.py` or `package.module`. Raises BadInput.

    As with a script, the folder of the file, or the working directory, is searched for imports.
    """
    path = Path(text)
    try:
        module = _load_file(path) if path.suffix == ".py" else _load_module(text)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise BadInput(f"Cannot load nodes from {text}: {reason}") from error
    found = from_module(module)
    if not found:
        raise BadInput(f"{text} holds no nodes; decorate a function or class with @node")
    return found


def _load_module(name: str) -> ModuleType:
    _search(Path.cwd())
    return importlib.import_module(name)


def _load_file(path: Path) -> ModuleType:
    path = path.resolve()
    # The path is the module's name: two files called nodes.py are two modules.
    name = str(path)
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    _search(path.parent)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _search(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
