from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum, IntEnum, StrEnum
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from chaingraph.errors import PortError
from chaingraph.flow.secrets import Secret
from chaingraph.flow.transfer import copy, get_path, normalise, plain, set_path
from tests.flow.kinds import obj, port

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
plain_values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10
)
SEALED = {"encrypted": "eA==", "hkdfNonce": "eQ==", "publicKey": "eg=="}
steps = st.from_regex(r"\.[a-c]|\[[0-3]\]", fullmatch=True)
paths = st.builds(lambda root, rest: root + "".join(rest), st.sampled_from("xyz"), st.lists(steps))


class Colour(StrEnum):
    RED = "red"


class Size(IntEnum):
    BIG = 3


class Mixed(Enum):
    PAIR = (1, 2)


class Spot(NamedTuple):
    x: int
    y: int


@dataclass
class Box:
    size: int
    inner: Any = None


class Model(BaseModel):
    name: str


@given(st.dictionaries(st.sampled_from("xyz"), plain_values), paths, plain_values)
def test_what_is_set_at_a_path_is_found_there(
    values: dict[str, Any], path: str, value: Any
) -> None:
    set_path(values, path, value)
    assert get_path(values, path) == value


@given(st.dictionaries(st.sampled_from("xyz"), plain_values), paths, plain_values)
def test_setting_a_path_changes_nothing_that_is_shared(
    values: dict[str, Any], path: str, value: Any
) -> None:
    inside = dict(values)
    before = copy(inside)
    set_path(values, path, value)
    assert inside == before


@given(plain_values)
def test_a_copy_is_equal_and_shares_no_container(value: Any) -> None:
    copied = copy(value)
    assert copied == value
    assert plain(value) == value
    assert not _containers(copied) & _containers(value)
    assert not _containers(plain(value)) & _containers(value)


def _containers(value: Any) -> set[int]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = {id(value)} if isinstance(value, dict | list) else set()
    return own.union(*(_containers(each) for each in inner))


def test_a_key_that_looks_like_a_path_wins() -> None:
    values = {"a.b": 1, "a": {"b": 2}}
    assert get_path(values, "a.b") == 1
    set_path(values, "a.b", 3)
    assert values == {"a.b": 3, "a": {"b": 2}}


@pytest.mark.parametrize("path", ["b", "a.x", "a.c.d", "l[2]", "l.x", "a[0]", "n.x", "n[0]"])
def test_what_is_not_there_is_none(path: str) -> None:
    assert get_path({"a": {"c": 1}, "l": [1, 2], "n": 5}, path) is None


def test_missing_parents_are_created_and_lists_filled_up() -> None:
    values: dict[str, Any] = {}
    set_path(values, "items[2].name", "c")
    assert values == {"items": [None, None, {"name": "c"}]}


def test_an_absurd_index_is_refused() -> None:
    with pytest.raises(PortError, match="beyond the limit"):
        set_path({}, "items[99999999999]", 1)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ((1, (2,)), [1, [2]]),
        (Spot(1, 2), [1, 2]),
        (Colour.RED, "red"),
        (Size.BIG, 3),
        (Mixed.PAIR, [1, 2]),
        (Box(1, Box(2)), {"size": 1, "inner": {"size": 2, "inner": None}}),
        (Model(name="x"), {"name": "x"}),
        (OrderedDict(a=1), {"a": 1}),
        ({Colour.RED: 1}, {"red": 1}),
        (frozenset({1, Size.BIG}), {1, 3}),
        (b"raw", b"raw"),
        (2**70, 2**70),
        (True, True),
        (
            datetime(2026, 1, 2, 3, 4, 5, 678_999, timezone(timedelta(hours=2))),
            datetime(2026, 1, 2, 1, 4, 5, 678_000, UTC),
        ),
        (datetime(2026, 1, 2), datetime(2026, 1, 2, tzinfo=UTC)),
    ],
)
def test_plain_values(value: Any, kept: Any) -> None:
    result = plain(value)
    assert result == kept
    assert type(result) is type(kept)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [1, object()]}, r"value\.a\[1\].*object"),
        ({"a": {1: 2}}, r"value\.a.*keys must be strings.*int"),
        ({"a": {(1, 2)}}, r"value\.a.*set"),
        (Box, "type"),
        ([1j], r"value\[0\].*complex"),
    ],
)
def test_what_cannot_be_kept_is_named_with_its_place(value: Any, message: str) -> None:
    with pytest.raises(PortError, match=message):
        plain(value)


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(PortError, match="nested deeper"):
        plain(value)


@pytest.mark.parametrize(
    ("kind", "value", "held"),
    [
        ("number", 1, 1),
        ("number", 4.0, 4),
        ("number", -0.5, -0.5),
        ("number", 2.0**60, 2.0**60),
        ("number", "3.5", 3.5),
        ("number", "-12", -12),
        ("number", "1e3", 1000),
        ("number", 2**70, 2**70),
        ("number", Size.BIG, 3),
        ("string", "x", "x"),
        ("string", Colour.RED, "red"),
        ("boolean", True, True),
        ("enum", "anything", "anything"),
        ("array", (1, "2"), [1, "2"]),
        ("object", Box(1), {"size": 1, "inner": None}),
        ("any", Spot(1, 2), [1, 2]),
        ("secret", SEALED, SEALED),
        ("secret", "sk-1", {"value": "sk-1"}),
        ("secret", Secret("sk-1"), {"value": "sk-1"}),
        ("stream", {"type": "stream", "buffer": []}, {"type": "stream", "buffer": []}),
    ],
)
def test_a_port_holds_values_in_its_type(kind: str, value: Any, held: Any) -> None:
    result = normalise(port("p", kind), value)
    assert result == held
    assert type(result) is type(held)


@pytest.mark.parametrize("kind", ["string", "number", "boolean", "array", "object", "enum", "any"])
def test_none_is_always_allowed(kind: str) -> None:
    assert normalise(port("p", kind), None) is None


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("number", True, "port p: expected a number, got bool"),
        ("number", math.nan, "a number, got float"),
        ("number", math.inf, "a number, got float"),
        ("number", "1e999", "a number, got float"),
        ("number", "ten", "a number, got str.*'ten'"),
        ("number", " 1", "a number"),
        ("number", "9" * 5000, "a number"),
        ("string", 5, "a string, got int.*5"),
        ("boolean", 1, "a boolean, got int"),
        ("enum", 1, "id of an option, got int"),
        ("enum", Size.BIG, "id of an option"),
        ("array", "text", "an array, got str"),
        ("array", {1, 2}, "an array, got set"),
        ("object", [1], "an object, got list"),
        ("any", object(), "object cannot be kept"),
        ("secret", 5, "an object with the text value, or that text alone; got int"),
        ("string", Secret("sk-1"), "a string, got Secret$"),
        ("any", [Secret("sk-1")], r"p\[0\]: a secret is kept at secret ports only"),
        ("stream", [1], "a stream, got list"),
    ],
)
def test_a_wrong_value_is_named_with_port_and_types(kind: str, value: Any, message: str) -> None:
    with pytest.raises(PortError, match=message):
        normalise(port("p", kind), value)


def test_an_enum_takes_only_its_options() -> None:
    choice = port("p", "enum", options=[{"id": "red"}, {"id": "blue"}])
    assert normalise(choice, Colour.RED) == "red"
    with pytest.raises(PortError, match="'green' is none of the options red, blue"):
        normalise(choice, "green")


def test_items_and_properties_are_held_in_their_types_too() -> None:
    name = obj(n={"type": "number"})
    rows = port("rows", "array", itemConfig={"type": "object", **name})
    assert normalise(rows, [{"n": "1", "more": (2,)}]) == [{"n": 1, "more": [2]}]
    with pytest.raises(PortError, match=r"port rows\[1\]\.n: expected a number"):
        normalise(rows, [{"n": 1}, {"n": "x"}])
    with pytest.raises(PortError, match=r"port rows\[0\]\.more: .*object"):
        normalise(rows, [{"more": object()}])


def test_a_live_stream_is_passed_by_reference() -> None:
    live = object()
    assert normalise(port("p", "stream"), live) is live


def test_a_secret_is_shown_to_nobody() -> None:
    with pytest.raises(PortError) as caught:
        normalise(port("p", "secret"), {"password": "sk-very-secret"})
    assert "sk-very-secret" not in str(caught.value)


def test_mappings_of_any_kind_are_objects() -> None:
    class Fixed(Mapping[str, int]):
        def __getitem__(self, key: str) -> int:
            return {"a": 1}[key]

        def __iter__(self) -> Any:
            return iter(["a"])

        def __len__(self) -> int:
            return 1

    assert normalise(port("p", "object"), Fixed()) == {"a": 1}
