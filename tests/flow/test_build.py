from __future__ import annotations

import json

import pytest

from chaingraph.errors import InvalidFlow
from chaingraph.flow.build import FlowBuilder
from chaingraph.flow.codec import parse_flow_text, write_flow
from tests.flow.kinds import KINDS

YAML = """
name: sum
nodes:
  group: {type: GroupNode}
  add: {type: MathNode, title: Add, parent: group, inputs: {a: 1, operation: add}}
  next: {type: MathNode, inputs: {b: 2}, retry: {attempts: 3}, timeout: 500}
  box: {type: BoxNode, inputs: {box.size: 5}}
edges:
  - add.result -> next.a
  - next.__success -> box.__execute
"""


def builder() -> FlowBuilder:
    return FlowBuilder("sum", KINDS)


def built() -> FlowBuilder:
    flow = builder()
    group = flow.add("GroupNode", "group")
    add = flow.add("MathNode", "add", parent=group, title="Add", a=1, operation="add")
    policy = {"attempts": 3}
    after = flow.add("MathNode", "next", a=add["result"], b=2, retry=policy, timeout_ms=500)
    box = flow.add("BoxNode", "box")
    flow.set(box["box.size"], 5)
    flow.connect(after.out("__success"), "box.__execute")
    return flow


def test_python_yaml_and_json_make_the_same_flow() -> None:
    by_python = built().build()
    by_yaml = parse_flow_text(YAML, "whatever.yaml", KINDS)
    by_json = parse_flow_text(json.dumps(write_flow(by_python)), "whatever.json", KINDS)
    assert write_flow(by_python) == write_flow(by_yaml) == write_flow(by_json)


def test_nodes_without_a_name_are_named_after_their_type() -> None:
    flow = builder()
    names = [flow.add(each).id for each in ("MathNode", "TextNode", "MathNode", "MathNode")]
    assert names == ["math", "text", "math2", "math3"]
    flow.add("TextNode", "text2")
    assert flow.add("TextNode").id == "text3"


def test_id_and_owner_may_be_given() -> None:
    flow = FlowBuilder("sum", KINDS, id="mine", owner="ann").build()
    assert (flow.id, flow.owner, flow.name) == ("mine", "ann", "sum")


def test_mistakes_of_every_kind_are_told_by_build() -> None:
    flow = builder()
    flow.add("TextNode", "a")
    flow.add("TextNode", "a")
    flow.add("NoSuchNode", "b")
    flow.set(flow.add("MathNode", "m")["a"], 1)
    flow.connect("m.result", "a.text")
    flow.connect("m.result", "ghost.x")
    with pytest.raises(InvalidFlow) as caught:
        flow.build()
    assert caught.value.problems == (
        "node a: it is there twice",
        "node b: unknown type NoSuchNode",
        "edge m.result -> ghost.x: there is no node ghost",
        "edge m.result -> a.text: number does not fit string",
    )


def test_wrong_inputs_are_told_by_build() -> None:
    flow = builder()
    handle = flow.add("MathNode", "m", a="x", nothing=1)
    flow.set(type(handle)("ghost")["x"], 1)
    with pytest.raises(InvalidFlow) as caught:
        flow.build()
    assert caught.value.problems == (
        "port ghost.x: there is no node ghost",
        "port m.a: expected a number, got str ('x')",
        "port m.nothing: there is no such port; inputs are a, b, operation",
    )
