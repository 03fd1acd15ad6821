"""Typed arrays: numbers of one kind, as JavaScript keeps them."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Final

from chaingraph.superjson.values import SuperjsonError

TYPECODES: Final[Mapping[str, str]] = {
    "Int8Array": "b",
    "Uint8ClampedArray": "B",
    "Int16Array": "h",
    "Uint16Array": "H",
    "Int32Array": "i",
    "Uint32Array": "I",
    "Float32Array": "f",
    "Float64Array": "d",
}
"""How `array` names them. A Uint8Array is bytes; those of bigints have no form in superjson."""
_EXACT: Final = 2**53


@dataclass(frozen=True, slots=True)
class TypedArray:
    """A typed array of this JavaScript name, its items rounded as it keeps them.

    Raises SuperjsonError for a name without form, and for items that it cannot hold.
    """

    kind: str
    items: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.kind not in TYPECODES:
            raise SuperjsonError(f"There is no typed array {self.kind[:60]}")
        try:
            kept = array(TYPECODES[self.kind], list(self.items))
        except (OverflowError, TypeError, ValueError) as error:
            raise SuperjsonError(f"Not the items of a {self.kind}: {error}") from error
        object.__setattr__(self, "items", tuple(kept))

    @property
    def json(self) -> list[float | None]:
        """As JSON.stringify writes them: what is no number in JSON is null."""
        return [_spelt(each) for each in self.items]


def _spelt(number: float) -> float | None:
    if not isfinite(number):
        return None
    is_integer = number == int(number) and abs(number) <= _EXACT
    return int(number) if is_integer else number
