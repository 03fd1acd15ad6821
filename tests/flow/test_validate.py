from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from chaingraph.flow.codec import read_flow
from chaingraph.flow.compact import read_compact
from chaingraph.flow.model import Flow
from chaingraph.flow.validate import Report, check
from tests.flow.kinds import KINDS, kinds_in, stored_row

MATH = {"type": "MathNode", "inputs": {"operation": "add"}}
TEXT = {"type": "TextNode"}


def flow(nodes: dict[str, Any], *edges: str) -> Flow:
    return read_compact({"nodes": nodes, "edges": list(edges)}, "test", KINDS)


def checked(nodes: dict[str, Any], *edges: str, strict: bool = True) -> Report:
    return check(flow(nodes, *edges), KINDS, strict=strict)


def errors(nodes: dict[str, Any], *edges: str) -> tuple[str, ...]:
    return checked(nodes, *edges).errors


@pytest.mark.parametrize(
    "name", ["V2_branch_true", "V2_error", "V2_emit1", "V1_chain10", "V1_emit1"]
)
def test_real_flows_have_no_mistakes(name: str) -> None:
    stored = read_flow(stored_row(name))
    assert check(stored, kinds_in(stored), strict=True) == Report((), ())


def test_everything_is_found_at_once() -> None:
    report = checked(
        {"a": MATH, "b": {"type": "NoSuchNode"}, "c": {"type": "NeedyNode"}, "d": TEXT},
        "a.result -> ghost.x",
        "a.nothing -> d.text",
        "a.result -> a.a",
        "a.result -> d.text",
    )
    assert report.errors == (
        "node b: unknown type NoSuchNode",
        "edge a.result -> ghost.x: there is no node ghost",
        "edge a.nothing -> d.text: node a has no port nothing",
        "cycle: a -> a",
        "port c.need: it is required and has no source, no value and no default",
        "edge a.result -> d.text: number does not fit string",
    )


def test_edges_may_end_at_children_that_exist() -> None:
    nodes = {"a": MATH, "box": {"type": "BoxNode"}, "open": {"type": "OpenNode"}}
    assert not errors(nodes, "a.result -> box.box.size", "a.result -> box.items[0]")
    assert not errors(nodes, "a.result -> open.payload.anything")
    (error,) = errors(nodes, "a.result -> box.box.colour")
    assert error == "edge a.result -> box.box.colour: node box has no port box.colour"


def test_ports_of_unknown_types_are_not_judged() -> None:
    assert errors({"a": MATH, "b": {"type": "Ghost"}}, "a.result -> b.x", "b.y -> a.a") == (
        "node b: unknown type Ghost",
        "cycle: a -> b -> a",
    )


def test_a_cycle_names_its_nodes_in_order() -> None:
    nodes = {"in": MATH, "x": MATH, "y": MATH, "z": MATH}
    edges = ("in.result -> x.a", "x.result -> y.a", "y.result -> z.a", "z.result -> x.b")
    assert errors(nodes, *edges) == ("cycle: x -> y -> z -> x",)


def test_separate_cycles_are_all_named() -> None:
    nodes = {each: MATH for each in "abcd"}
    edges = ("a.result -> b.a", "b.result -> a.a", "c.result -> d.a", "d.result -> c.a")
    linked = (*edges, "b.result -> c.b")
    expected = ("cycle: a -> b -> a", "cycle: c -> d -> c")
    assert errors(nodes, *edges) == expected
    assert errors(nodes, *linked) == expected


def test_nodes_that_contain_each_other_are_a_cycle() -> None:
    nodes = {
        "one": {"type": "GroupNode", "parent": "two"},
        "two": {"type": "GroupNode", "parent": "one"},
    }
    assert errors(nodes) == ("cycle: one -> two -> one",)


def test_a_child_that_waits_for_its_group_is_a_cycle() -> None:
    nodes = {"group": {"type": "GroupNode"}, "child": {**TEXT, "parent": "group"}}
    assert errors(nodes, "group.__success -> child.__execute") == (
        "cycle: group -> child -> group",
    )


def test_a_parent_that_does_not_exist_is_an_error() -> None:
    assert errors({"a": {**TEXT, "parent": "ghost"}}) == (
        "node a: its parent ghost does not exist",
    )


@pytest.mark.parametrize(
    ("needy", "edges"),
    [
        ({"type": "NeedyNode", "inputs": {"need": "x"}}, ()),
        ({"type": "NeedyNode", "inputs": {"need": ""}}, ()),
        ({"type": "NeedyNode"}, ("text.text -> needy.need",)),
    ],
)
def test_a_required_input_is_content_with_a_value_or_a_source(needy: Any, edges: Any) -> None:
    assert not errors({"needy": needy, "text": TEXT}, *edges)


def test_a_stored_value_of_the_wrong_type_is_an_error() -> None:
    stored = flow({"a": MATH})
    node = replace(stored.nodes["a"], values={"a": "x", "operation": "cube", "result": "ignored"})
    report = check(replace(stored, nodes={"a": node}), KINDS, strict=False)
    assert report.errors == (
        "port a.a: expected a number, got str ('x')",
        "port a.operation: 'cube' is none of the options add, divide",
    )


def test_what_cannot_be_a_retry_policy_or_a_timeout_is_an_error() -> None:
    retry = {"attempts": 0, "then": "cry", "wait": 3}
    assert errors({"a": {**TEXT, "retry": retry, "timeout": 0}, "b": {**TEXT, "retry": {}}}) == (
        "node a: retry.attempts must be a whole number from 1 on, not 0",
        "node a: retry.then must be fail or pause, not 'cry'",
        "node a: retry has the unknown key 'wait', "
        "expected some of attempts, delayMs, factor, maxDelayMs, jitter, on, then",
        "node a: its timeout must be a number of milliseconds above 0, not 0",
        "node b: retry must say how many attempts there are",
    )


def test_a_node_that_is_never_run_twice_takes_no_retry() -> None:
    assert errors({"a": {"type": "OnceNode", "retry": {"attempts": 2}, "timeout": 9}}) == (
        "node a: OnceNode is never run twice, so it takes no retry",
    )


@pytest.mark.parametrize(
    ("edge", "reason"),
    [
        ("m.result -> t.text", "number does not fit string"),
        ("t.text -> m.operation", "string does not fit enum"),
        ("m.a -> box.items", "number does not fit array"),
        ("box.items -> m.a", "box.items is an input, it gives no values"),
        ("m.a -> n.result", "n.result is an output, it takes no values"),
    ],
)
def test_ports_that_do_not_fit_are_errors_by_hand_and_warnings_when_stored(
    edge: str, reason: str
) -> None:
    nodes = {"m": MATH, "n": MATH, "t": TEXT, "box": {"type": "BoxNode"}}
    assert any(reason in each for each in checked(nodes, edge).errors)
    stored = checked(nodes, edge, strict=False)
    assert not stored.errors
    assert any(reason in each for each in stored.warnings)


def test_nodes_that_can_never_run_are_named_with_all_that_follows() -> None:
    nodes = {each: MATH for each in "abcd"} | {"box": {"type": "BoxNode"}}
    report = checked(
        nodes,
        "box.box.size -> a.a",
        "a.result -> b.a",
        "b.result -> c.a",
        "d.result -> c.a",
        strict=False,
    )
    assert [each for each in report.warnings if "never run" in each] == [
        "node a: it can never run, an input of it is never fed",
        "node b: it can never run, an input of it is never fed",
    ]


def test_a_group_around_a_node_that_never_runs_never_ends() -> None:
    nodes = {
        "box": {"type": "BoxNode"},
        "group": {"type": "GroupNode"},
        "child": {**MATH, "parent": "group"},
    }
    warnings = checked(nodes, "box.box.size -> child.a", strict=False).warnings
    assert any(each.startswith("node group: it can never run") for each in warnings)


def test_connections_that_disagree_with_the_edges_are_a_warning() -> None:
    row = stored_row("V2_error")["data"]
    row["nodes"][0]["connections"]["result"] = []
    stored = read_flow(row)
    report = check(stored, kinds_in(stored), strict=False)
    assert report == Report((), ("node div: its connections and the edges of the flow disagree",))


def test_a_long_chain_is_checked_in_no_time() -> None:
    """Linear: twenty times this bound would still be far from what a square costs."""
    count = 10_000
    nodes = {f"n{at}": MATH for at in range(count)}
    chain = flow(nodes, *(f"n{at}.result -> n{at + 1}.a" for at in range(count - 1)))
    began = time.perf_counter()
    assert check(chain, KINDS, strict=True) == Report((), ())
    assert time.perf_counter() - began < 5


def test_a_long_cycle_is_named_whole() -> None:
    count = 3_000
    nodes = {f"n{at}": MATH for at in range(count)}
    edges = [f"n{at}.result -> n{(at + 1) % count}.a" for at in range(count)]
    (error,) = errors(nodes, *edges)
    assert error.startswith("cycle: n0 -> n1 -> n2")
