"""Run flows of connected nodes as executions that cannot be lost.

Write nodes with `node`, flows with `FlowBuilder` or in YAML, and run them with the command
`chaingraph` or in a program of your own:

    async with open_house(Settings()) as house, house.working():
        await house.service.import_flow(LOCAL, flow)

or call a server elsewhere:

    async with AsyncClient("http://localhost:4021") as client:
        outcome = await client.run("sum")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chaingraph.client import AsyncClient, Client
    from chaingraph.engine.authoring import (
        Context,
        NodeError,
        Secret,
        Stream,
        StreamWriter,
        node,
        output,
        passthrough,
        port,
    )
    from chaingraph.engine.catalog import Catalog
    from chaingraph.errors import ChainGraphError
    from chaingraph.execution.principals import LOCAL
    from chaingraph.flow.build import FlowBuilder
    from chaingraph.modes import open_house
    from chaingraph.settings import Settings

__version__ = "0.1.0"

_HOMES = {
    "chaingraph.client": ("AsyncClient", "Client"),
    "chaingraph.engine.authoring": (
        "Context",
        "NodeError",
        "Secret",
        "Stream",
        "StreamWriter",
        "node",
        "output",
        "passthrough",
        "port",
    ),
    "chaingraph.engine.catalog": ("Catalog",),
    "chaingraph.errors": ("ChainGraphError",),
    "chaingraph.execution.principals": ("LOCAL",),
    "chaingraph.flow.build": ("FlowBuilder",),
    "chaingraph.modes": ("open_house",),
    "chaingraph.settings": ("Settings",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "LOCAL",
    "AsyncClient",
    "Catalog",
    "ChainGraphError",
    "Client",
    "Context",
    "FlowBuilder",
    "NodeError",
    "Secret",
    "Settings",
    "Stream",
    "StreamWriter",
    "node",
    "open_house",
    "output",
    "passthrough",
    "port",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `chaingraph --version` needs none of them."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
