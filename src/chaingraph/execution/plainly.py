"""What callers send beside flows, as every database and every reader can have it."""

from __future__ import annotations

import json
from typing import Any

from chaingraph.errors import BadInput
from chaingraph.superjson import plain


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
