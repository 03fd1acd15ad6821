"""superjson 2.2: JSON beside annotations that say which values were more than JSON.

An envelope is `{"json": ..., "meta": {"values": tree, "v": 1}}`; `meta` is there only when
something needs it. A tree is a list `[type]` or `[type, {path: tree}]` when the value itself was
transformed, else an object from path to tree. Paths are dotted; a new level starts only inside a
transformed container.

    UNDEFINED                     undefined         datetime        Date (naive means UTC)
    nan, inf, -inf, -0.0          number            BigInt          bigint
    set, frozenset                set               bytes           typed-array Uint8Array
    dict with a key not a str     map               JsError         Error
    Custom                        custom

Decoding is made for strangers' input: it is strict and bounded. `URL`, `regexp` and the other
typed arrays are read as their JSON.
"""

from chaingraph.superjson.plain import iso, plain
from chaingraph.superjson.reading import decode, loads
from chaingraph.superjson.values import (
    UNDEFINED,
    BigInt,
    Custom,
    Envelope,
    JsError,
    Prepared,
    SuperjsonError,
    Undefined,
)
from chaingraph.superjson.writing import content, dumps, encode, prepare, verbatim

__all__ = [
    "UNDEFINED",
    "BigInt",
    "Custom",
    "Envelope",
    "JsError",
    "Prepared",
    "SuperjsonError",
    "Undefined",
    "content",
    "decode",
    "dumps",
    "encode",
    "iso",
    "loads",
    "plain",
    "prepare",
    "verbatim",
]
