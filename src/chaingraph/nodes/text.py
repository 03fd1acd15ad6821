"""Texts and numbers."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Annotated

from chaingraph.engine.authoring import NodeError, node, port
from chaingraph.nodes.javascript import exponential_text, number_text, utf16_length

#: enough for every digit of the largest float and a hundred places
_EXACT = Context(prec=500, rounding=ROUND_HALF_UP)
_MOST_PLACES = 100


@node(category="data", title="Number to String", kind="pure", quick=True, output="text")
def number_to_string_node(
    number: float | None = 0,
    decimalPlaces: Annotated[int, port(min=-1, required=True)] = -1,
    exponential: Annotated[bool, port(title="Exponential Notation")] = False,
) -> Annotated[str, port("", title="String")]:
    """Writes a number: with all its digits, or rounded to `decimalPlaces`."""
    value = _number(number)
    if not -1 <= decimalPlaces <= _MOST_PLACES or decimalPlaces != int(decimalPlaces):
        raise NodeError(f"Decimal places must be a whole number from -1 to {_MOST_PLACES}")
    if exponential:
        return _exponential(value, int(decimalPlaces))
    return number_text(value) if decimalPlaces < 0 else _fixed(value, int(decimalPlaces))


def _number(number: object) -> Decimal:
    try:
        if isinstance(number, int | float | str) and not isinstance(number, bool):
            value = Decimal(str(number))
            if value.is_finite():
                return value
    except InvalidOperation:
        pass
    raise NodeError("Expected a number to convert to a string")


def _fixed(number: Decimal, places: int) -> str:
    rounded = number.quantize(Decimal(1).scaleb(-places), context=_EXACT)
    return f"{rounded if number else abs(rounded):f}"


def _exponential(number: Decimal, places: int) -> str:
    if places < 0:
        return exponential_text(number if number else abs(number))
    if not number:
        return f"{Decimal(0):.{places}f}e+0"
    rounded = Context(prec=places + 1, rounding=ROUND_HALF_UP).plus(number)
    first, *rest = (str(digit) for digit in rounded.as_tuple().digits)
    fraction = "".join(rest).ljust(places, "0")
    mantissa = f"{first}.{fraction}" if places else first
    return f"{'-' if number < 0 else ''}{mantissa}e{rounded.adjusted():+d}"


@node(category="data", title="String Length", kind="pure", quick=True, output="length")
def string_length_node(text: str | None = "") -> Annotated[float, port(0, required=True)]:
    """The length of a text in UTF-16 units; an emoji counts as two."""
    return utf16_length(text or "")


@node(category="data", title="Text Search", kind="pure", quick=True)
def text_search_node(
    sourceText: Annotated[str | None, port(min_length=1)] = "", searchText: str | None = ""
) -> Annotated[bool, port(False)]:
    """True if one text is part of the other; capitals do not matter."""
    return (searchText or "").lower() in (sourceText or "").lower()
