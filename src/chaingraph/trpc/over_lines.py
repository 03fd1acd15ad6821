"""A batch answered in JSON lines: a head of promises, then one line for each call as it ends.

Every line is an envelope of its own. A value is written `[[value]]`, a promise
`[[0], [None, 0, chunk id]]`, and its fulfilment `[chunk id, 0, value]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chaingraph.trpc.over_http import JSON_HEADERS, HttpCall, Outcome, Success
from chaingraph.trpc.transformer import write_json
from chaingraph.trpc.wire import Wire

HEADERS: Final[Mapping[str, str]] = JSON_HEADERS


def head(count: int, wire: Wire) -> bytes:
    """The first line: a promise for each of `count` calls."""
    return _line({str(index): [[0], [None, 0, index]] for index in range(count)}, wire)


def fulfilment(index: int, call: HttpCall, outcome: Outcome, wire: Wire) -> bytes:
    """The line of one call. Raises what the transformer raises for a result it cannot carry."""
    if isinstance(outcome, Success):
        content: dict[str, Any] = {"result": {"data": outcome.value}}
    else:
        content = {"error": wire.describe(outcome).shape(call.path)}
    return _line([index, 0, [[content]]], wire)


def _line(value: Any, wire: Wire) -> bytes:
    return write_json(wire.transformer.encode(value)).encode() + b"\n"
