"""What a server refuses, as the errors that are raised for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chaingraph.errors import (
    BadInput,
    ChainGraphError,
    Forbidden,
    IdempotencyConflict,
    NotFound,
    Refused,
    ServerUnreachable,
    StoreUnavailable,
    TooManyCalls,
    Unauthorized,
    ValueTooLarge,
)

#: What passes by itself: whoever got one of these asks again.
PASSING: Final = (ServerUnreachable, StoreUnavailable, TooManyCalls)

_BY_CODE: Final[Mapping[str, type[ChainGraphError]]] = {
    each.code: each
    for each in (
        NotFound,
        Unauthorized,
        Forbidden,
        BadInput,
        IdempotencyConflict,
        ValueTooLarge,
        StoreUnavailable,
        TooManyCalls,
    )
}


def refusal(shape: Mapping[str, Any]) -> ChainGraphError:
    """The error for the error object of an answer: its class by its code, its sentence as sent."""
    code, sentence = shape["data"]["code"], shape["message"]
    if (kind := _BY_CODE.get(code)) is None:
        return Refused(code, sentence)
    # The facts of which the class would build its sentence stayed on the server.
    error = kind.__new__(kind)
    error.args = (sentence,)
    return error
