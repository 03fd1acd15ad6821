"""From envelopes to values: what strangers send, so strict and bounded."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final, NoReturn

from chaingraph.superjson.reviving import revive
from chaingraph.superjson.values import FORBIDDEN, UNDEFINED, Json, SuperjsonError

MAX_DEPTH: Final = 200
MAX_COPIED: Final = 100_000


def decode(envelope: Json, *, customs: Collection[str] = ()) -> Any:
    """The value of an envelope, which stays as it is and may share parts with it.

    Only custom types named in `customs` are accepted. Undefined members of an object are left
    out, so that defaults apply; elsewhere they are UNDEFINED. Raises SuperjsonError.
    """
    _check_depth(envelope)
    is_annotated = isinstance(envelope, dict) and envelope.get("meta") is not None
    return _decode(_copy(envelope) if is_annotated else envelope, customs)


def loads(text: bytes | str, *, customs: Collection[str] = ()) -> Any:
    """The value of an envelope in JSON text. Raises SuperjsonError."""
    try:
        envelope = _DECODER.decode(text if isinstance(text, str) else _decoded(text))
    except (ValueError, RecursionError) as error:
        raise SuperjsonError(f"Not JSON: {error}") from error
    if not _is_surely_shallow(text):
        _check_depth(envelope)
    return _decode(envelope, customs)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)
"""`json.loads` would make one for each text."""


def _decoded(text: bytes) -> str:
    return text.decode(json.detect_encoding(text), "surrogatepass")


def _is_surely_shallow(text: bytes | str) -> bool:
    """Text with few brackets cannot be deep; this saves most texts the walk."""
    if isinstance(text, bytes):
        return text.count(b"{") + text.count(b"[") <= MAX_DEPTH
    return text.count("{") + text.count("[") <= MAX_DEPTH


def _levels(value: Json) -> Iterator[list[Any]]:
    """The containers inside a value, one level after the other."""
    level: list[Any] = [[value]]
    while level:
        yield level
        children = (each.values() if isinstance(each, dict) else each for each in level)
        level = [item for items in children for item in items if isinstance(item, (dict, list))]


def _check_depth(value: Json) -> None:
    for depth, _ in enumerate(_levels(value)):
        if depth > MAX_DEPTH:
            raise SuperjsonError("The value is nested too deeply")


def _decode(envelope: Json, customs: Collection[str]) -> Any:
    if not isinstance(envelope, dict):
        raise SuperjsonError("Not a superjson envelope")
    value = envelope.get("json", UNDEFINED)
    meta = envelope.get("meta")
    if meta is None:
        return value
    if not isinstance(meta, dict):
        raise SuperjsonError("meta is no object")
    reading = _Reading(customs, legacy=not meta.get("v"))
    if (values := meta.get("values")) is not None:
        value = reading.restore(value, values)
    if (equalities := meta.get("referentialEqualities")) is not None:
        reading.repeat(value, equalities)
        _check_depth(value)
    return value


class _Reading:
    """How the annotations of one envelope are applied."""

    def __init__(self, customs: Collection[str], *, legacy: bool) -> None:
        self._customs = customs
        self._legacy = legacy
        self._copies_left = MAX_COPIED

    def restore(self, value: Json, tree: Json) -> Any:
        """`value` with the annotations of `tree` applied, children before parents."""
        kind, children = _unpack(tree)
        for path, subtree in children.items():
            if (place := _find(value, self._segments(path))) is not None:
                holder, key = place
                holder[key] = self.restore(holder[key], subtree)
                if holder[key] is UNDEFINED and isinstance(holder, dict):
                    del holder[key]
        return value if kind is None else revive(kind, value, self._customs)

    def repeat(self, value: Any, equalities: Json) -> None:
        """Copy what occurs at several paths to those where the JSON holds null in its place."""
        if not isinstance(equalities, dict):
            raise SuperjsonError("A value that contains itself is not accepted")
        for source, targets in equalities.items():
            if not isinstance(targets, list):
                raise SuperjsonError("Equal paths are no list")
            self._repeat(value, self._segments(source), map(self._segments, targets))

    def _repeat(self, value: Any, source: list[str], targets: Iterable[list[str]]) -> None:
        original = _find(value, source)
        for target in targets:
            if target[: len(source)] == source:
                raise SuperjsonError("A value that contains itself is not accepted")
            place = None if original is None else _find(value, target)
            if original is None or place is None or place[0][place[1]] is not None:
                continue
            place[0][place[1]] = self._copy(original[0][original[1]])

    def _copy(self, value: Any) -> Any:
        _check_depth([value])
        for level in _levels(value):
            self._copies_left -= sum(map(len, level))
            if self._copies_left < 0:
                raise SuperjsonError("The value repeats itself too often")
        return _copy(value)

    def _segments(self, path: Json) -> list[str]:
        if not isinstance(path, str):
            raise SuperjsonError("A path is no text")
        segments = _split(path, _LEGACY_SEGMENT if self._legacy else _SEGMENT)
        if forbidden := FORBIDDEN.intersection(segments):
            raise SuperjsonError(f"{min(forbidden)} is not allowed as a property")
        return segments


def _unpack(tree: Json) -> tuple[Json, dict[str, Json]]:
    match tree:
        case dict():
            return None, tree
        case [str() | list() as kind]:
            return kind, {}
        case [str() | list() as kind, dict() as children]:
            return kind, children
    raise SuperjsonError("An annotation is neither a list nor an object")


def _find(value: Any, path: list[str]) -> tuple[Any, Any] | None:
    """The container and key that `path` leads to; None where nothing is."""
    holder: Any = None
    key: Any = None
    for segment in path:
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
"""Without a version only a dot can be escaped; a backslash elsewhere is itself."""


def _split(path: str, segment: re.Pattern[str]) -> list[str]:
    if "\\" not in path:
        return path.split(".")
    text, at, segments = path + ".", 0, []
    while at < len(text):
        if (found := segment.match(text, at)) is None:
            raise SuperjsonError("invalid path")
        segments.append(found.group(1))
        at = found.end()
    escape = r"\\(\.)" if segment is _LEGACY_SEGMENT else r"\\(.)"
    return [re.sub(escape, r"\1", part) for part in segments]


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value
