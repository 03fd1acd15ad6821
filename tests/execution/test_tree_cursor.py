"""The cursor of a tree: short, opaque, and never trusted."""

from __future__ import annotations

import random
import tracemalloc
import zlib
from base64 import urlsafe_b64encode

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaingraph.errors import BadInput
from chaingraph.execution.tree_cursor import (
    MAX_BYTES,
    MAX_MARKS,
    MAX_POSITION,
    OVER,
    VERSION,
    Mark,
    Place,
    read_cursor,
    write_cursor,
)
from chaingraph.flow.ids import new_execution_id

ROOT = "EXroot"


@st.composite
def trees(draw: st.DrawFn) -> list[Place]:
    """Places of which each is a child of an earlier one; some are over."""
    places = [Place(ROOT, next=draw(st.integers(OVER, 9)))]
    for number in range(draw(st.integers(0, 30))):
        parent = draw(st.sampled_from(places))
        following = draw(st.integers(OVER, 1 << 50))
        places.append(Place(f"EX{number}", parent, number + 1, following))
    return places


def packed(content: object) -> str:
    return VERSION + urlsafe_b64encode(zlib.compress(orjson.dumps(content))).decode()


@given(trees())
def test_a_cursor_names_what_is_open_and_its_ancestors_and_nothing_else(
    places: list[Place],
) -> None:
    still_open = [each for each in places if each.next != OVER]
    marks = read_cursor(ROOT, write_cursor(ROOT, still_open))

    def path(number: int) -> tuple[int, ...]:
        mark = marks[number]
        return (*path(mark.parent), mark.spawned) if number else ()

    def path_of(place: Place) -> tuple[int, ...]:
        return (*path_of(place.parent), place.spawned) if place.parent else ()

    found = {path(number): mark.next for number, mark in enumerate(marks)}
    assert {p: n for p, n in found.items() if n != OVER} == {
        path_of(each): each.next for each in still_open
    }
    assert all(
        any(path_of(each)[: len(over)] == over for each in still_open)
        for over, following in found.items()
        if following == OVER
    )


def test_the_end_is_a_cursor_too() -> None:
    assert read_cursor(ROOT, write_cursor(ROOT, [])) == []


@given(st.text())
def test_what_is_no_cursor_is_refused(text: str) -> None:
    for each in (text, VERSION + text):
        with pytest.raises(BadInput):
            read_cursor(ROOT, each)


@given(st.data())
def test_a_cursor_that_was_cut_off_or_changed_is_refused(data: st.DataObject) -> None:
    text = write_cursor(ROOT, [Place(ROOT, next=7)])
    cut = data.draw(st.integers(0, len(text) - 2))
    with pytest.raises(BadInput):
        read_cursor(ROOT, text[:cut])
    with pytest.raises(BadInput):
        read_cursor(ROOT, text[: cut + 1] + ("A" if text[cut + 1] != "A" else "B") * 8)


def test_a_cursor_of_another_execution_is_refused() -> None:
    with pytest.raises(BadInput, match="does not belong"):
        read_cursor(ROOT, write_cursor("EXother", [Place("EXother")]))


@pytest.mark.parametrize(
    "columns",
    [
        ([0, 1], [0, 1], [0, 0]),  # a parent that comes later
        ([0, -1], [0, 1], [0, 0]),
        ([0, 0, 0], [0, 5, 0], [0, 0, 0]),  # the same one twice
        ([0], [0], [-2]),
        ([0, 0], [0, -1], [0, 0]),
        ([0], [0], [1 << 60]),
        ([0], [0], [1.5]),
        ([0], [0], [True]),
        ([0], [0], ["0"]),
        ([0], [0], []),
        (0, 0, 0),
        ([[]], [0], [0]),
        ("0", [0], [0]),
        ([0], [0]),
        ([0], [0], [0], [0]),
    ],
)
def test_a_cursor_that_contradicts_itself_is_refused(columns: tuple[object, ...]) -> None:
    with pytest.raises(BadInput):
        read_cursor(ROOT, packed([ROOT, *columns]))


@pytest.mark.parametrize(
    "content",
    [
        "x" * MAX_BYTES,
        [ROOT, [0] * 1_300_000, [1] * 1_300_000, [0] * 1_300_000],
        [ROOT, *[[0] + [1] * MAX_MARKS] * 3],
        [ROOT, ["0" * 10] * 10_000, ["0" * 10] * 10_000, ["0" * 10] * 10_000],
        [ROOT, [[0] * 9] * 20_000, [1], [0]],
    ],
    ids=["long", "far too many marks", "one mark too many", "texts", "lists"],
)
def test_a_small_cursor_costs_little_whatever_it_unpacks_to(content: object) -> None:
    text = packed(content)
    assert len(text) < 12_000
    tracemalloc.start()
    try:
        with pytest.raises(BadInput, match="cannot be read"):
            read_cursor(ROOT, text)
        assert tracemalloc.get_traced_memory()[1] < 32 * MAX_BYTES
    finally:
        tracemalloc.stop()


def test_ten_thousand_open_children_have_a_cursor() -> None:
    root = Place(new_execution_id(), next=1 << 40)
    # What is far apart and differs much is long.
    children = [
        Place(f"EX{number}", root, (number + 1) << 20, MAX_POSITION - 1 - number)
        for number in range(10_000)
    ]
    text = write_cursor(root.id, [root, *children])
    assert len(read_cursor(root.id, text)) == 10_001


def test_a_thousand_open_children_fit_into_an_address() -> None:
    chance = random.Random(1)
    root = Place(new_execution_id(), next=4_000)
    children = [
        Place(new_execution_id(), root, 3 * number + 2, chance.randrange(1_000))
        for number in range(1_000)
    ]
    text = write_cursor(root.id, [root, *children])
    assert len(text) < 4_000
    assert len(read_cursor(root.id, text)) == 1_001
    assert read_cursor(root.id, text)[1] == Mark(0, 2, children[0].next)
