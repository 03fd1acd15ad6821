from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaingraph.engine.binding import excluded_nodes
from chaingraph.engine.graph import Graph
from chaingraph.engine.node import FlowEvent
from tests.engine.graphs import graph, node

#: before -> listener -> after <- beside, and two that have nothing to do with it
FLOW = graph(
    [
        node("before"),
        node("listener", "listener", event="rain"),
        node("after"),
        node("beside"),
        node("plain"),
        node("manual", auto=False),
    ],
    ["before.o0 -> listener.i0", "listener.o0 -> after.i0", "beside.o0 -> after.i1"],
)


def taking_part(graph: Graph, event: str | None) -> set[str]:
    excluded = excluded_nodes(graph, None if event is None else FlowEvent(event, {}))
    return set(graph.flow.nodes) - excluded


def test_without_an_event_what_is_bound_or_starts_by_hand_is_left_out() -> None:
    assert taking_part(FLOW, None) == {"plain"}


def test_with_its_event_only_what_is_bound_runs() -> None:
    assert taking_part(FLOW, "rain") == {"before", "listener", "after", "beside"}


def test_with_another_event_nothing_runs() -> None:
    assert taking_part(FLOW, "snow") == set()


def test_without_listeners_an_event_starts_nothing() -> None:
    assert taking_part(graph(["a"], []), "rain") == set()


TWO = graph(
    [
        node("first", "listener", event="rain"),
        node("between"),
        node("second", "listener", event="snow"),
        node("after"),
    ],
    ["first.o0 -> between.i0", "between.o0 -> second.i0", "second.o0 -> after.i0"],
)


@pytest.mark.parametrize(
    ("event", "bound"),
    [("rain", {"first", "between"}), ("snow", {"second", "after", "between"})],
)
def test_walks_stop_at_other_listeners(event: str, bound: set[str]) -> None:
    assert taking_part(TWO, event) == bound


def test_a_node_below_two_listeners_belongs_to_both() -> None:
    both = graph(
        [
            node("a", "listener", event="rain"),
            node("b", "listener", event="snow"),
            node("after"),
        ],
        ["a.o0 -> after.i0", "b.o0 -> after.i0"],
    )
    assert taking_part(both, "rain") == {"a", "after"}
    assert taking_part(both, "snow") == {"b", "after"}


def test_listeners_of_one_name_run_together() -> None:
    same = graph([node("a", "listener", event="rain"), node("b", "listener", event="rain")], [])
    assert taking_part(same, "rain") == {"a", "b"}


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=10))
@settings(deadline=None)
def test_every_node_takes_part_in_the_ordinary_run_or_in_an_event_run(
    pairs: list[tuple[int, int]],
) -> None:
    nodes = [node(f"n{i}", "listener" if i == 0 else "plain", event="rain") for i in range(6)]
    edges = dict.fromkeys(f"n{a}.o0 -> n{b}.i0" for a, b in pairs if a != b)
    mixed = graph(nodes, edges)
    assert taking_part(mixed, None) | taking_part(mixed, "rain") == set(mixed.flow.nodes)
    assert not taking_part(mixed, None) & taking_part(mixed, "rain")
