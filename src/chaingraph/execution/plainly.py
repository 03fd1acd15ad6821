"""What callers send beside flows, as every database and every reader can have it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from chaingraph.errors import BadInput
from chaingraph.flow.secrets import Secret
from chaingraph.superjson import plain


def plain_inputs(inputs: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Values of ports (`node.port` -> value); secrets of a program stay what they are."""
    if inputs is None:
        return None
    return {name: _plain_input(f"Input {name}", value) for name, value in inputs.items()}


def _plain_input(what: str, value: Any) -> Any:
    try:
        return value if _holds_a_secret(value) else plainly(what, value)
    except RecursionError as error:
        raise BadInput(f"{what} carries what JSON cannot say: {error}") from error


def plainly(what: str, value: Any) -> Any:
    """The value as JavaScript would write it as JSON: a Date is a text, NaN is null.

    Raises BadInput when JSON cannot say it.
    """
    try:
        kept = plain(value)
        json.dumps(kept, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(f"{what} carries what JSON cannot say: {error}") from error
    return kept


def _holds_a_secret(value: Any) -> bool:
    match value:
        case Secret():
            return True
        case Mapping():
            return any(map(_holds_a_secret, value.values()))
        case list() | tuple():
            return any(map(_holds_a_secret, value))
    return False
