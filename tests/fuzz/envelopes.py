"""Envelopes that no well-meaning client sends: annotations that nearly fit, paths that mislead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.fuzz.values import json_values

NAMES = ("BaseNode", "Point", "tag")
KINDS = (
    ["undefined", "Date", "number", "bigint", "set", "map", "Error", "URL", "regexp"]
    + [[kind, name] for kind in ("custom", "class", "symbol") for name in NAMES]
    + [["typed-array", "Uint8Array"], ["typed-array", "Float64Array"], ["typed-array"]]
)
SEGMENTS = ("", "0", "1", "00", "-1", "a", "\\", "\\.", "\\x", "__proto__", "constructor")
FAR = "9999-12-31T23:59:59-01:00"
awkward = st.sampled_from(
    [None, 1e308, "NaN", "-0", "12", "9" * 5000, "2026-01-01T00:00Z", FAR, "/a/g", "https://x"]
)
shapes = st.sampled_from([[], {}, [[]], [[1, 2]], ["ab"], {"name": "E", "message": "m"}, [256]])
leaves = json_values | awkward | shapes
contents = leaves | st.dictionaries(st.sampled_from(["a", "b", "0"]), leaves) | st.lists(leaves)


def _paths(value: Any) -> Iterator[str]:
    """The paths that lead somewhere in a value."""
    keys = value if isinstance(value, dict) else ()
    for key in range(len(value)) if isinstance(value, list) else keys:
        segment = str(key).replace("\\", "\\\\").replace(".", "\\.")
        yield segment
        yield from (f"{segment}.{path}" for path in _paths(value[key]))


def _rarely(junk: SearchStrategy[Any], otherwise: SearchStrategy[Any]) -> SearchStrategy[Any]:
    return st.integers(0, 15).flatmap(lambda chance: otherwise if chance else junk)


def _trees(paths: SearchStrategy[str]) -> SearchStrategy[Any]:
    kinds = st.sampled_from(KINDS)
    ends = _rarely(json_values, kinds.map(lambda kind: [kind]))
    return st.recursive(
        st.dictionaries(paths, ends, max_size=4) | ends,
        lambda inner: (
            st.dictionaries(paths, inner, max_size=4)
            | st.tuples(kinds, st.dictionaries(paths, inner, max_size=4)).map(list)
        ),
        max_leaves=8,
    )


@st.composite
def envelopes(draw: st.DrawFn) -> dict[str, Any]:
    content = draw(contents)
    real, wrong = [*_paths(content)] or ["a"], st.sampled_from(SEGMENTS)
    wrong_too = wrong | st.lists(wrong, min_size=2, max_size=3).map(".".join)
    paths = _rarely(wrong_too, st.sampled_from(real))
    equal = st.dictionaries(paths, st.lists(paths, max_size=4), max_size=4)
    meta = {
        "values": _trees(paths),
        "referentialEqualities": _rarely(json_values | st.lists(st.lists(paths) | equal), equal),
        "v": st.sampled_from([0, 1, None]),
    }
    described = _rarely(json_values, st.fixed_dictionaries({}, optional=meta))
    return {"json": content, "meta": draw(described)}
