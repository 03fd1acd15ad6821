"""JSON as text, as compact as JavaScript writes it."""

from __future__ import annotations

import json
from typing import Final

import orjson

from chaingraph.superjson.values import Json, SuperjsonError

_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


def json_text(plain: Json) -> bytes:
    """Raises SuperjsonError for what is no JSON."""
    try:
        return orjson.dumps(plain, option=_OPTIONS)
    except TypeError:
        return _dumps_slowly(plain)


def _dumps_slowly(plain: Json) -> bytes:
    """For what orjson refuses: lone surrogates, integers over 64 bits, more than 254 levels."""
    try:
        text = json.dumps(plain, allow_nan=False, separators=(",", ":"), default=_opened)
        return text.encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise SuperjsonError(f"The value cannot be written as JSON: {error}") from error


def _opened(part: object) -> Json:
    """The JSON of what was prepared, for a writer that cannot pass it on."""
    if isinstance(part, orjson.Fragment):
        return json.loads(orjson.dumps(part))
    raise TypeError(type(part).__name__)
