"""The paths of annotations: how they are split, and where they lead."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final

from chaingraph.superjson.values import Json, SuperjsonError


class Unbuilt(list[Any]):
    """What is to be revived of its only item, once paths need no longer lead into it."""

    __slots__ = ("kind",)

    def __init__(self, kind: Json, content: Any) -> None:
        super().__init__((content,))
        self.kind = kind

    @property
    def family(self) -> str:
        """Its type, or for one of many names what all of them are: class, custom..."""
        return str(self.kind if isinstance(self.kind, str) else next(iter(self.kind), ""))


def find(value: Any, path: list[str], through: Collection[str] = ()) -> tuple[Any, Any] | None:
    """The container and key that `path` leads to; None where nothing is.

    It leads into what is not built yet if that is of one of the families in `through`.
    """
    holder: Any = None
    key: Any = None
    for segment in path:
        if isinstance(value, Unbuilt):
            value = value[0] if value.family in through else None
        holder, key = value, segment
        if isinstance(holder, list) and _POSITION.fullmatch(segment):
            key = int(segment)
            if key >= len(holder):
                return None
        elif not isinstance(holder, dict) or segment not in holder:
            return None
        value = holder[key]
    return holder, key


_POSITION: Final = re.compile("[0-9]{1,9}")
_SEGMENT: Final = re.compile(r"((?:[^\\.]|\\[\\.])*)\.", re.DOTALL)
_LEGACY_SEGMENT: Final = re.compile(r"((?:\\\.|[^.])*)\.", re.DOTALL)


def split(path: str, *, legacy: bool) -> list[str]:
    """The keys of a path. In a legacy one, without a version, only a dot can be escaped."""
    if "\\" not in path:
        return path.split(".")
    segment = _LEGACY_SEGMENT if legacy else _SEGMENT
    text, at, segments = path + ".", 0, []
    while at < len(text):
        if (found := segment.match(text, at)) is None:
            raise SuperjsonError("invalid path")
        segments.append(found.group(1))
        at = found.end()
    escape = r"\\(\.)" if legacy else r"\\(.)"
    return [re.sub(escape, r"\1", part) for part in segments]
