"""The composition root: the one place that knows every room.

async with open_house(settings) as house:             API mode: create, start, read
    async with house.working():                       and worker mode in the same process
        ...

API mode needs no code of nodes beside the built-in ones: workers publish what theirs declare.
"""

from chaingraph.modes.house import House
from chaingraph.modes.opening import (
    database_version,
    known_types,
    load_catalog,
    open_house,
    open_memory_house,
)

__all__ = [
    "House",
    "database_version",
    "known_types",
    "load_catalog",
    "open_house",
    "open_memory_house",
]
