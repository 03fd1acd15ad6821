from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaingraph.errors import BadInput, InvalidFlow, UnreadableFlow
from chaingraph.flow.codec import parse_flow_text, read_flow, write_flow
from chaingraph.flow.compact import read_compact, write_compact
from chaingraph.flow.ids import stable_edge_id, stable_flow_id
from chaingraph.flow.validate import check
from tests.flow.kinds import KINDS, kinds_in, stored_row

YAML = """
name: sum
description: adds
owner: ann
metadata: {tags: [demo]}
nodes:
  group: {type: GroupNode}
  add:
    type: MathNode
    title: Add them
    parent: group
    retry: {attempts: 3, delayMs: 100, on: [TimeoutError]}
    timeout: 2500
    inputs: {a: 1, b: "2.5", operation: add}
  box:
    type: BoxNode
    inputs: {box.size: 4, "items[1]": 7, __execute: false}
edges:
  - add.result -> box.items[0]
  - add.__success -> box.__execute
"""


def read(document: Any, source: str = "test.yaml") -> Any:
    return read_compact(document, source, KINDS)


def problems(document: Any) -> tuple[str, ...]:
    with pytest.raises(InvalidFlow) as caught:
        read(document)
    return caught.value.problems


def test_the_form_for_people_becomes_a_whole_flow() -> None:
    flow = parse_flow_text(YAML, "sum.yaml", KINDS)
    add, box = flow.nodes["add"], flow.nodes["box"]
    assert (flow.name, flow.owner, flow.metadata["tags"]) == ("sum", "ann", ["demo"])
    assert (add.title, add.category, add.parent_id) == ("Add them", "math", "group")
    assert add.metadata["retry"] == {"attempts": 3, "delayMs": 100, "on": ["TimeoutError"]}
    assert add.metadata["timeoutMs"] == 2500
    assert add.values["a"] == 1 and add.values["b"] == 2.5
    assert box.values["box"] == {"size": 4}
    assert box.values["items"] == [None, 7]
    assert box.values["__execute"] is False
    assert [str(each) for each in flow.edges] == [
        "add.result -> box.items[0]",
        "add.__success -> box.__execute",
    ]


def test_ids_follow_from_name_and_text() -> None:
    flow = read({"name": "sum", "nodes": {"a": {"type": "MathNode"}}, "edges": ["a.a -> a.b"]})
    assert flow.id == stable_flow_id("sum")
    assert flow.edges[0].id == stable_edge_id("a.a -> a.b")
    assert read({"nodes": {}}, "dir/sum.flow.yaml").id == flow.id
    assert read({"nodes": {}, "name": "sum", "owner": "ann"}).id != flow.id
    assert read({"nodes": {}, "id": "mine"}).id == "mine"


def test_the_stored_form_of_it_is_read_back_the_same() -> None:
    flow = parse_flow_text(YAML, "sum.yaml", KINDS)
    assert read_flow(json.loads(json.dumps(write_flow(flow)))) == flow


def test_what_is_written_reads_as_the_same_flow() -> None:
    flow = parse_flow_text(YAML, "sum.yaml", KINDS)
    assert read(write_compact(flow, KINDS)) == flow
    assert read(write_compact(flow)) == flow


def test_only_what_the_type_does_not_say_is_written() -> None:
    document = {
        "name": "sum",
        "nodes": {
            "a": {"type": "MathNode", "inputs": {"a": 1}, "retry": {"attempts": 2}, "timeout": 0.5},
            "l": {"type": "ListenerNode"},
        },
        "edges": ["a.result -> l.eventName"],
    }
    assert write_compact(read(document), KINDS) == {"id": stable_flow_id("sum"), **document}


inputs = st.fixed_dictionaries(
    {},
    optional={
        "a": st.integers() | st.floats(allow_nan=False, allow_infinity=False),
        "operation": st.sampled_from(["add", "divide"]),
        "__execute": st.booleans(),
    },
)
documents = st.fixed_dictionaries(
    {
        "name": st.text(min_size=1),
        "nodes": st.dictionaries(
            st.from_regex(r"[^\s.]{1,5}", fullmatch=True).filter(lambda each: "->" not in each),
            st.fixed_dictionaries(
                {"type": st.sampled_from(["MathNode", "NoSuchNode"])},
                optional={
                    "title": st.text(),
                    "inputs": inputs,
                    "parent": st.text(max_size=3),
                    "retry": st.dictionaries(st.sampled_from(["attempts", "on"]), st.integers()),
                    "timeout": st.integers(),
                },
            ),
            max_size=3,
        ),
    },
    optional={"description": st.text(), "owner": st.text(min_size=1)},
)


@given(documents)
def test_reading_and_writing_undo_each_other(document: dict[str, Any]) -> None:
    flow = read(document)
    assert read(write_compact(flow, KINDS)) == flow
    assert read_flow(write_flow(flow)) == flow


KEYS = ["type", "inputs", "a", "a.b", "title", "retry", "timeout", "attempts", "on"]
scraps = st.recursive(
    st.none() | st.integers() | st.text(max_size=4) | st.sampled_from(["a.b", "MathNode"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3), scraps, max_size=2), scraps, scraps)
def test_whatever_is_written_is_read_or_refused(nodes: Any, edges: Any, metadata: Any) -> None:
    with suppress(BadInput):
        flow = read({"nodes": nodes, "edges": edges, "metadata": metadata})
        check(flow, KINDS, strict=True)


def test_nodes_of_unknown_types_are_kept_with_their_inputs() -> None:
    flow = read({"nodes": {"n": {"type": "Ghost", "inputs": {"a.b": 1, "c": [2]}}}})
    assert flow.nodes["n"].values["a"] == {"b": 1}
    assert read_flow(write_flow(flow)) == flow
    assert check(flow, KINDS, strict=True).errors == ("node n: unknown type Ghost",)


def test_all_mistakes_are_listed_at_once() -> None:
    document = {
        "colour": "red",
        "name": 5,
        "nodes": {
            "a.b": {"type": "TextNode"},
            "c": {"type": "MathNode", "size": 1, "inputs": {"a": "x", "z": 1, "result": 2}},
            "d": {"inputs": {}},
            "e": "MathNode",
            "g": {"type": "MathNode", "retry": 3, "timeout": "long"},
            "f": {"type": "MathNode", "title": 3, "inputs": {"operation": "cube", "a.x": 1}},
        },
        "edges": ["c.result", "c.result -> f.a", "c.result -> f.a", 7, "c -> f.a", "c.a -> .b"],
    }
    assert problems(document) == (
        "flow: unknown key 'colour', expected some of "
        "id, name, description, owner, metadata, nodes, edges",
        "flow: name must be a text",
        "node a.b: a name has no dot and no space",
        "node c: unknown key 'size', expected some of "
        "type, title, parent, inputs, retry, timeout, metadata",
        "port c.a: expected a number, got str ('x')",
        "port c.z: there is no such port; inputs are a, b, operation",
        "port c.result: it is an output, it takes no input",
        "node d: it has no type",
        "node e: expected a mapping with a type",
        "node g: retry must be a mapping",
        "node g: timeout must be a number",
        "node f: title must be a text",
        "port f.operation: 'cube' is none of the options add, divide",
        "port f.a.x: there is no such port; inputs are a, b, operation",
        "edge 'c.result': expected the form 'node.port -> node.port'",
        "edge c.result -> f.a: it is there twice",
        "edge 7: expected the form 'node.port -> node.port'",
        "edge 'c -> f.a': expected the form 'node.port -> node.port'",
        "edge 'c.a -> .b': expected the form 'node.port -> node.port'",
    )


@pytest.mark.parametrize("document", [None, [], {}, {"nodes": []}, {"nodes": {}, "edges": "a"}])
def test_another_shape_is_no_compact_flow(document: Any) -> None:
    with pytest.raises(UnreadableFlow):
        read(document)


def test_inputs_that_json_cannot_say_are_mistakes() -> None:
    for value in (datetime(2026, 1, 1, tzinfo=UTC), {1, 2}, b"x", float("nan")):
        document = {"nodes": {"n": {"type": "Ghost", "inputs": {"a": value}}}}
        assert problems(document) == ("port n.a: a flow can store only what JSON can say",)


def test_a_stored_flow_can_be_written_for_people() -> None:
    stored = read_flow(stored_row("V2_branch_true"))
    kinds = kinds_in(stored)
    again = read_compact(write_compact(stored, kinds), "test", kinds)
    assert [str(each) for each in again.edges] == [str(each) for each in stored.edges]
    assert again.nodes["x"].values == stored.nodes["x"].values
    assert again.metadata == stored.metadata


def test_ids_that_are_no_names_cannot_be_written() -> None:
    stored = stored_row("V2_error")["data"]
    stored["nodes"][0]["id"] = "di.v"
    with pytest.raises(InvalidFlow, match=r"node di\.v: a name"):
        write_compact(read_flow(stored))
