"""Which newer flows a fork may go on with, and what becomes of edges into replaced inputs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaingraph.errors import BadInput
from chaingraph.execution.fork_check import incompatibilities, joined, open_for
from chaingraph.flow.model import Edge, Flow, Node
from chaingraph.flow.ports import Port
from tests.engine.graphs import PORTS, graph, node

OLD = graph("abc", ["a.o0 -> b.i0", "b.o0 -> c.i0"]).flow


def changed(node_id: str, **changes: object) -> Flow:
    new = replace(OLD.nodes[node_id], **changes)  # type: ignore[arg-type]
    return replace(OLD, nodes={**OLD.nodes, node_id: new})


def without(node_id: str) -> Flow:
    nodes = {i: each for i, each in OLD.nodes.items() if i != node_id}
    return replace(OLD, nodes=nodes)


def with_edge(edge: Edge) -> Flow:
    return replace(OLD, edges=(*OLD.edges, edge))


def with_node(new: Node) -> Flow:
    return replace(OLD, nodes={**OLD.nodes, new.id: new})


def less(port_id: str) -> dict[str, Port]:
    return {i: each for i, each in PORTS.items() if i != port_id}


NUMBER = Port.from_config({"id": "o0", "key": "o0", "type": "number", "direction": "output"})


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (without("b"), "and the newer flow does not have it"),
        (changed("b", type="other"), "as plain; in the newer flow it is other"),
        (changed("b", ports=less("o1")), "it has no port o1"),
        (changed("b", ports={**PORTS, "o0": NUMBER}), "its port o0 is of type number"),
        (changed("b", metadata={"parentNodeId": "c"}), "it stands inside another node"),
        (with_node(node("d", parent="b")), "other nodes stand inside it"),
        (with_edge(Edge("x", "c", "o0", "b", "i1")), "other edges lead to it"),
        (with_edge(Edge("x", "b", "new", "c", "i1")), "an edge leads from its new port new"),
        (replace(OLD, edges=OLD.edges[1:]), "other edges lead to it"),
    ],
)
def test_each_kept_node_that_does_not_fit_gets_a_sentence(new: Flow, said: str) -> None:
    (sentence,) = incompatibilities(OLD, new, {"a", "b"})
    assert sentence.startswith("Node b has run")
    assert said in sentence


def test_an_edge_under_another_id_is_another_edge() -> None:
    new = replace(OLD, edges=(replace(OLD.edges[0], id="x"), OLD.edges[1]))
    assert len(incompatibilities(OLD, new, {"b"})) == 1
    assert incompatibilities(OLD, new, {"a", "c"}) == []


def test_sentences_come_in_flow_order_one_for_a_node() -> None:
    new = replace(OLD, nodes={}, edges=())
    said = incompatibilities(OLD, new, {"c", "a", "b"})
    assert [each.split()[1] for each in said] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        changed("c", type="other", ports={}),
        with_edge(Edge("x", "b", "o1", "c", "i1")),
        with_node(node("d")),
        changed("b", values={"i1": 5}),
        changed("b", ports={**PORTS, "more": NUMBER}),
    ],
    ids=["same", "changed below", "edge below", "node beside", "values", "port more"],
)
def test_a_newer_flow_may_differ_in_what_runs_again(new: Flow) -> None:
    assert incompatibilities(OLD, new, {"a", "b"}) == []


def test_kept_nodes_stay_as_they_ran() -> None:
    new = replace(OLD, nodes={i: replace(n, values={"i1": 5}) for i, n in OLD.nodes.items()})
    values = {i: dict(each.values) for i, each in joined(OLD, new, {"a"}).nodes.items()}
    assert values == {"a": {}, "b": {"i1": 5}, "c": {"i1": 5}}


def edges(flow: Flow) -> list[str]:
    return [str(each) for each in flow.edges]


@pytest.mark.parametrize(
    ("port", "name", "stays"),
    [
        ("i0", "b.i0", False),
        ("i0.part", "b.i0", False),
        ("i0[2]", "b.i0", False),
        ("i0", "b.i1", True),
        ("i01", "b.i0", True),
        ("i0", "c.i0", True),
    ],
)
def test_a_replaced_input_is_not_fed_any_more(port: str, name: str, stays: bool) -> None:
    flow = replace(OLD, edges=(Edge("x", "a", "o0", "b", port),))
    assert bool(open_for(flow, [name], {"a"}, is_bound=False).edges) is stays


def test_inputs_of_kept_nodes_cannot_be_replaced() -> None:
    with pytest.raises(BadInput, match=r"Cannot replace a\.i0, a\.i1: the node has run"):
        open_for(OLD, ["a.i0", "b.i0", "a.i1"], {"a"}, is_bound=False)


def test_an_edge_that_binds_a_node_to_an_event_is_not_taken_away() -> None:
    with pytest.raises(BadInput, match=r"a\.o0 -> b\.i0"):
        open_for(OLD, ["b.i0"], {"a"}, is_bound=True)
    assert edges(open_for(OLD, ["b.i1"], {"a"}, is_bound=True)) == edges(OLD)
