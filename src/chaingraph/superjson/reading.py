"""From envelopes to values: what strangers send, so strict and bounded."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final, NoReturn

from chaingraph.superjson.paths import Unbuilt, find, split
from chaingraph.superjson.reviving import Known, revive
from chaingraph.superjson.values import FORBIDDEN, UNDEFINED, Json, SuperjsonError

MAX_DEPTH: Final = 200
MAX_COPIED: Final = 100_000
_REPEATED: Final = frozenset({"set", "map", "Error", "class"})
"""What values are repeated out of."""
_FILLED: Final = frozenset({"set", "map"})
"""What they are repeated into: JavaScript leaves null in others."""


def decode(
    envelope: Json,
    *,
    customs: Collection[str] = (),
    classes: Collection[str] = (),
    symbols: Collection[str] = (),
) -> Any:
    """The value of an envelope, which stays as it is and may share parts with it.

    Only custom types, classes and symbols with these names are accepted. Undefined members of an
    object are left out, so that defaults apply; elsewhere they are UNDEFINED. Raises
    SuperjsonError.
    """
    _check_depth(envelope)
    is_annotated = isinstance(envelope, dict) and envelope.get("meta") is not None
    known = {"custom": customs, "class": classes, "symbol": symbols}
    return _decode(_copy(envelope) if is_annotated else envelope, known)


def loads(
    text: bytes | str,
    *,
    customs: Collection[str] = (),
    classes: Collection[str] = (),
    symbols: Collection[str] = (),
) -> Any:
    """The value of an envelope in JSON text, as `decode` gives it. Raises SuperjsonError."""
    try:
        envelope = _DECODER.decode(text if isinstance(text, str) else _decoded(text))
    except (ValueError, RecursionError) as error:
        raise SuperjsonError(f"Not JSON: {error}") from error
    if not _is_surely_shallow(text):
        _check_depth(envelope)
    return _decode(envelope, {"custom": customs, "class": classes, "symbol": symbols})


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


def _decode(envelope: Json, known: Known) -> Any:
    if not isinstance(envelope, dict):
        raise SuperjsonError("Not a superjson envelope")
    value = envelope.get("json", UNDEFINED)
    meta = envelope.get("meta")
    if meta is None:
        return value
    if not isinstance(meta, dict):
        raise SuperjsonError("meta is no object")
    equalities = meta.get("referentialEqualities")
    reading = _Reading(known, legacy=not meta.get("v"), builds=equalities is None)
    if (values := meta.get("values")) is not None:
        value = reading.restore(value, values)
    if equalities is not None:
        reading.repeat(value, equalities)
        _check_depth(value)
        value = reading.build(value)
    return value


class _Reading:
    """How the annotations of one envelope are applied.

    Where values are repeated, containers are built last: paths lead into their JSON.
    """

    def __init__(self, known: Known, *, legacy: bool, builds: bool) -> None:
        self._known = known
        self._legacy = legacy
        self._builds = builds
        self._copies_left = MAX_COPIED

    def restore(self, value: Json, tree: Json) -> Any:
        """`value` with the annotations of `tree` applied, children before parents."""
        kind, children = _unpack(tree)
        for path, subtree in children.items():
            if (place := find(value, self._segments(path))) is not None:
                holder, key = place
                holder[key] = self.restore(holder[key], subtree)
                if holder[key] is UNDEFINED and isinstance(holder, dict):
                    del holder[key]
        if kind is None:
            return value
        if self._builds or not isinstance(value, dict | list):
            return revive(kind, value, self._known)
        return Unbuilt(kind, value)

    def build(self, value: Any) -> Any:
        """`value` with all that is yet to be made in it, children before parents."""
        match value:
            case Unbuilt():
                return revive(value.kind, self.build(value[0]), self._known)
            case dict():
                return {key: self.build(item) for key, item in value.items()}
            case list():
                return [self.build(item) for item in value]
        return value

    def repeat(self, value: Any, equalities: Json) -> None:
        """Copy what occurs at several paths to those where the JSON holds null in its place."""
        if not isinstance(equalities, dict):
            raise SuperjsonError("A value that contains itself is not accepted")
        for source, targets in equalities.items():
            if not isinstance(targets, list):
                raise SuperjsonError("Equal paths are no list")
            self._repeat(value, self._segments(source), map(self._segments, targets))

    def _repeat(self, value: Any, source: list[str], targets: Iterable[list[str]]) -> None:
        original = find(value, source, _REPEATED)
        for target in targets:
            if target[: len(source)] == source:
                raise SuperjsonError("A value that contains itself is not accepted")
            place = None if original is None else find(value, target, _FILLED)
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
        segments = split(path, legacy=self._legacy)
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


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, Unbuilt):
        return Unbuilt(value.kind, _copy(value[0]))
    return [_copy(item) for item in value] if isinstance(value, list) else value
