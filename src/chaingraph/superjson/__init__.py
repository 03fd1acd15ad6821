"""superjson 2.2: JSON beside annotations that say which values were more than JSON.

An envelope is `{"json": ..., "meta": {"values": tree, "v": 1}}`; `meta` is there only when
something needs it. A tree is a list `[type]` or `[type, {path: tree}]` when the value itself was
transformed, else an object from path to tree. Paths are dotted; a new level starts only inside a
transformed container.

    UNDEFINED                     undefined         datetime        Date (naive means UTC)
    nan, inf, -inf, -0.0          number            BigInt          bigint
    set, frozenset, SetItems      set               bytes           typed-array Uint8Array
    dict with a key not a str     map               TypedArray      typed-array of any other kind
    JsMap, MapRows                map               JsError         Error
    Url                           URL               Custom          custom
    RegExp                        regexp            Symbol          symbol
                                                    Instance        class

A Set or Map is read as a set or dict where Python can tell its members apart, though a set has no
order; else as SetItems or MapRows, and as JsMap where a dict would be taken for an object. What
JavaScript writes is read and then written as it was, but for members that are undefined, which are
left out, and values that occur twice, which are copied. A value that contains itself is refused.

Decoding is made for strangers' input: it is strict and bounded, and knows only the custom types,
classes and symbols that it is told.
"""

from chaingraph.superjson.plain import iso, plain
from chaingraph.superjson.reading import decode, loads
from chaingraph.superjson.typed_arrays import TypedArray
from chaingraph.superjson.values import (
    UNDEFINED,
    BigInt,
    Custom,
    Envelope,
    Instance,
    JsError,
    JsMap,
    MapRows,
    Prepared,
    RegExp,
    SetItems,
    SuperjsonError,
    Symbol,
    Undefined,
    Url,
)
from chaingraph.superjson.writing import content, dumps, encode, prepare, verbatim

__all__ = [
    "UNDEFINED",
    "BigInt",
    "Custom",
    "Envelope",
    "Instance",
    "JsError",
    "JsMap",
    "MapRows",
    "Prepared",
    "RegExp",
    "SetItems",
    "SuperjsonError",
    "Symbol",
    "TypedArray",
    "Undefined",
    "Url",
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
