from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaingraph.engine.events import EventType
from chaingraph.engine.graph import Graph
from chaingraph.engine.plan import Plan
from chaingraph.flow.model import ERROR, ERROR_MESSAGE, SUCCESS, Node
from tests.engine.graphs import INPUTS, OUTPUTS, graph, node

SOURCES = (*OUTPUTS, SUCCESS, ERROR, ERROR_MESSAGE)
OUTCOMES = (EventType.NODE_COMPLETED, EventType.NODE_FAILED, EventType.NODE_SKIPPED)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Nodes in a row, edges forward, some nodes inside others."""
    size = draw(st.integers(1, 8))
    nodes: list[Node] = []
    for i in range(size):
        parent = draw(st.sampled_from([None, *(f"n{p}" for p in range(size) if p != i)]))
        nodes.append(node(f"n{i}", parent=parent))
    ends = st.tuples(st.integers(0, size - 1), st.integers(0, size - 1))
    pairs = draw(st.lists(ends.filter(lambda ab: ab[0] < ab[1]), max_size=14)) if size > 1 else []
    edges = [
        f"n{a}.{draw(st.sampled_from(SOURCES))} -> n{b}.{draw(st.sampled_from(INPUTS))}"
        for a, b in pairs
    ]
    return graph(nodes, dict.fromkeys(edges))


class Rules:
    """The rules of readiness, said as simply as they can be and tested against every node."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.resolved: set[tuple[str, str]] = set()
        self.ended: set[str] = set()

    def ready(self) -> set[str]:
        return {n for n in self.graph.flow.nodes if self._is_ready(n)}

    def _is_ready(self, node_id: str) -> bool:
        ports: dict[str, bool] = {}
        for edge in self.graph.flow.edges:
            if edge.target == node_id:
                arrived = (edge.source, edge.source_port) in self.resolved
                ports[edge.target_port] = ports.get(edge.target_port, False) or arrived
        nodes = self.graph.flow.nodes.values()
        children = (n.id for n in nodes if n.parent_id == node_id)
        return all(ports.values()) and all(each in self.ended for each in children)

    def finish(self, node_id: str, outcome: EventType) -> None:
        self.ended.add(node_id)
        resolving: Iterable[str] = ()
        if outcome is EventType.NODE_COMPLETED:
            resolving = (*OUTPUTS, SUCCESS)
        elif outcome is EventType.NODE_FAILED:
            resolving = (ERROR, ERROR_MESSAGE)
        self.resolved |= {(node_id, port_id) for port_id in resolving}


@given(graphs(), st.data())
@settings(max_examples=300, deadline=None)
def test_a_node_is_ready_exactly_when_the_rules_say_so(graph: Graph, data: st.DataObject) -> None:
    plan, rules = Plan(graph), Rules(graph)
    named = plan.first()
    waiting = list(named)
    assert set(named) == rules.ready()
    while waiting:
        node_id = waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))
        if data.draw(st.booleans()):
            port_id = data.draw(st.sampled_from(OUTPUTS))
            more = plan.resolve(node_id, port_id)
            rules.resolved.add((node_id, port_id))
            assert set(named) | set(more) == rules.ready()
            named += more
            waiting += more
        outcome = data.draw(st.sampled_from(OUTCOMES))
        more = plan.finish(node_id, outcome)
        rules.finish(node_id, outcome)
        named += more
        waiting += more
        assert set(named) == rules.ready()
    assert len(named) == len(set(named)), "a node was named twice"
    assert plan.never_ready() == [n for n in graph.flow.nodes if n not in named]


def test_the_first_nodes_come_in_flow_order() -> None:
    plan = Plan(graph(["c", "a", "b"], ["a.o0 -> b.i0"]))
    assert plan.first() == ["c", "a"]


def test_one_resolved_source_is_enough_for_a_port_and_a_later_one_changes_nothing() -> None:
    plan = Plan(graph(["a", "b", "join"], ["a.o0 -> join.i0", "b.o0 -> join.i0"]))
    assert plan.first() == ["a", "b"]
    assert plan.finish("b", EventType.NODE_COMPLETED) == ["join"]
    assert plan.finish("a", EventType.NODE_COMPLETED) == []


def test_every_connected_port_needs_a_source() -> None:
    plan = Plan(graph(["a", "b", "both"], ["a.o0 -> both.i0", "b.o0 -> both.i1"]))
    plan.first()
    assert plan.finish("a", EventType.NODE_COMPLETED) == []
    assert plan.finish("b", EventType.NODE_COMPLETED) == ["both"]


@pytest.mark.parametrize(
    ("outcome", "ready"),
    [
        (EventType.NODE_COMPLETED, ["then"]),
        (EventType.NODE_FAILED, ["catch"]),
        (EventType.NODE_SKIPPED, []),
    ],
)
def test_an_outcome_resolves_its_own_ports(outcome: EventType, ready: list[str]) -> None:
    edges = [f"a.{SUCCESS} -> then.i0", f"a.{ERROR} -> catch.i0"]
    plan = Plan(graph(["a", "then", "catch"], edges))
    plan.first()
    assert plan.finish("a", outcome) == ready
    assert plan.never_ready() == [n for n in ("then", "catch") if n not in ready]


def test_a_port_that_resolved_early_does_not_resolve_again() -> None:
    plan = Plan(graph(["a", "b"], ["a.o0 -> b.i0"]))
    plan.first()
    assert plan.resolve("a", "o0") == ["b"]
    assert plan.is_resolved("a", "o0")
    assert plan.finish("a", EventType.NODE_COMPLETED) == []


def test_a_container_waits_for_its_ports_and_its_children() -> None:
    nodes = [node("group"), node("x", parent="group"), node("y", parent="group"), node("a")]
    plan = Plan(graph(nodes, ["a.o0 -> group.i0"]))
    assert plan.first() == ["x", "y", "a"]
    assert plan.finish("x", EventType.NODE_FAILED) == []
    assert plan.finish("a", EventType.NODE_COMPLETED) == []
    assert plan.finish("y", EventType.NODE_SKIPPED) == ["group"]


def test_nodes_in_a_circle_never_become_ready() -> None:
    plan = Plan(graph(["a", "b", "c"], ["a.o0 -> b.i0", "b.o0 -> a.i0"]))
    assert plan.first() == ["c"]
    assert plan.never_ready() == ["a", "b"]


def chain(size: int) -> Graph:
    edges = (f"n{i}.o0 -> n{i + 1}.i0" for i in range(size - 1))
    return graph((f"n{i}" for i in range(size)), edges)


def star(size: int) -> Graph:
    edges = (e for i in range(size) for e in (f"a.o0 -> n{i}.i0", f"n{i}.o0 -> z.i0"))
    return graph(("a", *(f"n{i}" for i in range(size)), "z"), edges)


@pytest.mark.parametrize("shape", [chain, star])
def test_ten_thousand_nodes_take_less_than_a_second(shape: Callable[[int], Graph]) -> None:
    big = shape(10_000)
    begin = time.perf_counter()
    assert sum(1 for _ in driven(Plan(big))) == len(big.flow.nodes)
    assert time.perf_counter() - begin < 1


def driven(plan: Plan) -> Iterator[str]:
    ready = plan.first()
    while ready:
        node_id = ready.pop()
        yield node_id
        ready += plan.finish(node_id, EventType.NODE_COMPLETED)
