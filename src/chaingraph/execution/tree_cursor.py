"""How far a tree of executions was delivered, and as an opaque text: the cursor.

What is open, discovered and not delivered to its end, and the next position of each. An execution
is named by its parent and the position of the event that announced it, which is short, and can
name nothing outside the tree. So ancestors of what is open are there too, over or not.
"""

from __future__ import annotations

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

import orjson

from chaingraph.errors import BadInput

VERSION: Final = "1"
#: The next position of what was delivered to its end.
OVER: Final = -1
MAX_POSITION: Final = 1 << 53
#: More than a tree needs with 50,000 open children, and less than would hurt: a cursor of a few
#: KB can unpack to a thousand times as much.
MAX_BYTES: Final = 1 << 20
MAX_MARKS: Final = 60_000


@dataclass(slots=True, eq=False)
class Place:
    """One execution of a tree, announced at position `spawned` of its parent."""

    id: str
    parent: Place | None = None
    spawned: int = 0
    next: int = 0


class Mark(NamedTuple):
    """A place, as it is written: `parent` is the number of the parent's mark, which is earlier.

    Mark 0 is the execution that is followed.
    """

    parent: int
    spawned: int
    next: int


def write_cursor(root_id: str, open_places: Iterable[Place]) -> str:
    numbers = _numbered(open_places)
    marks = [(numbers[p.parent] if p.parent else 0, p.spawned, p.next) for p in numbers]
    parents, spawned, following = zip(*marks, strict=True) if marks else ((), (), ())
    columns = [_deltas(parents), _deltas(spawned), following]
    packed = zlib.compress(orjson.dumps([root_id, *columns]))
    return VERSION + urlsafe_b64encode(packed).rstrip(b"=").decode()


def read_cursor(root_id: str, text: str) -> list[Mark]:
    """The marks of a cursor over the tree below `root_id`; none when it is at the end.

    Raises BadInput.
    """
    if not text.startswith(VERSION):
        raise BadInput("This cursor is not one of this release")
    try:
        packed = urlsafe_b64decode(text[1:] + "=" * (-len(text[1:]) % 4))
        found_id, *columns = orjson.loads(_unpacked(packed))
        marks = _marks(*columns)
    except (ValueError, TypeError, zlib.error) as error:
        raise BadInput("This cursor cannot be read") from error
    if found_id != root_id:
        raise BadInput(f"This cursor does not belong to execution {root_id}")
    if not _are_sound(marks):
        raise BadInput("This cursor contradicts itself")
    return marks


def _numbered(open_places: Iterable[Place]) -> dict[Place, int]:
    """These and their ancestors, parents first."""
    numbers: dict[Place, int] = {}
    for each in open_places:
        lineage = [each]
        while (parent := lineage[-1].parent) is not None and parent not in numbers:
            lineage.append(parent)
        while lineage:
            numbers.setdefault(lineage.pop(), len(numbers))
    return numbers


def _deltas(column: Iterable[int]) -> list[int]:
    """Neighbours are alike: their differences are small, and so is what they are packed to."""
    return [after - before for before, after in pairwise((0, *column))]


def _unpacked(packed: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    text = unpacking.decompress(packed, MAX_BYTES)
    if not unpacking.eof or unpacking.unused_data:
        raise ValueError("too long, cut off, or more than one")
    return text


def _marks(parents: list[int], spawned: list[int], following: list[int]) -> list[Mark]:
    """What these columns say. Raises ValueError when they are too long, or no columns."""
    for column in (parents, spawned, following):
        if len(column) > MAX_MARKS or not all(type(each) is int for each in column):
            raise ValueError("no numbers, or too many")
    columns = accumulate(parents), accumulate(spawned), following
    return [Mark(*each) for each in zip(*columns, strict=True)]


def _are_sound(marks: list[Mark]) -> bool:
    """Whether each names one execution, and none is named twice."""
    names = {mark[:2] for mark in marks}
    return len(names) == len(marks) and all(
        0 <= mark.parent < max(number, 1)
        and 0 <= mark.spawned < MAX_POSITION
        and OVER <= mark.next < MAX_POSITION
        for number, mark in enumerate(marks)
    )
