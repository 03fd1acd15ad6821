"""What JavaScript makes of a value: flows and their authors expect its conversions."""

from __future__ import annotations

import math
from decimal import Decimal

from chaingraph.flow.ports import Json


def to_number(value: Json) -> float:
    """`Number(value)`; what is no number is NaN."""
    if isinstance(value, bool | int | float):
        return _float(value)
    if value is None:
        return 0.0
    if isinstance(value, str):
        return _parse(value.strip())
    if isinstance(value, list):
        return _parse(to_string(value).strip())
    return math.nan


def to_string(value: Json) -> str:
    """`String(value)`, but "" for null."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return number_text(value)
        case list() | tuple():
            return ",".join(to_string(each) for each in value)
        case _:
            return "[object Object]"


def number_text(value: Decimal | float) -> str:
    """A number in the fewest digits: `10`, `0.1`, `1e+21`, `1e-7`."""
    if isinstance(value, int | Decimal):
        number = Decimal(value)
    elif math.isfinite(value):
        number = Decimal(repr(value))
    else:
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if not number:
        return "0"
    if -7 < number.adjusted() < 21:
        text = f"{number:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return exponential_text(number)


def exponential_text(number: Decimal) -> str:
    """`1.5e+3`: with all its digits, trailing zeros dropped."""
    sign, digits, _ = number.as_tuple()
    first, *rest = digits
    fraction = "".join(map(str, rest)).rstrip("0")
    mantissa = f"{first}.{fraction}" if fraction else str(first)
    exponent = number.adjusted() if number else 0
    return f"{'-' if sign else ''}{mantissa}e{exponent:+d}"


def plain_number(value: float) -> float:
    """Whole numbers as int, as JSON writes them: 10, not 10.0."""
    return int(value) if value.is_integer() and abs(value) < 1e21 else value


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


_RADIX = {"0x": 16, "0o": 8, "0b": 2}
_INFINITY = {"Infinity": math.inf, "+Infinity": math.inf, "-Infinity": -math.inf}


def _parse(text: str) -> float:
    if not text:
        return 0.0
    if text in _INFINITY:
        return _INFINITY[text]
    radix = _RADIX.get(text[:2].lower())
    try:
        if radix is not None:
            return _float(int(text[2:], radix)) if text[2:].isalnum() else math.nan
        # Python also reads "1_000", "inf" and "nan".
        known = set(text) <= set("0123456789+-.eE")
        return float(text) if known else math.nan
    except ValueError:
        return math.nan


def utf16_length(text: str) -> int:
    """`text.length`."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
