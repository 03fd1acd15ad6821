from __future__ import annotations

import json
from contextlib import suppress
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaingraph.errors import BadInput, InvalidFlow, UnreadableFlow
from chaingraph.flow.codec import parse_flow_text, read_flow, snapshot_hash, write_flow
from chaingraph.flow.model import EXECUTE
from chaingraph.flow.validate import check
from tests.flow.kinds import KINDS, kinds_in, stored_row

ROWS = ["V2_branch_true", "V2_error", "V2_emit1"]

names = st.text("abcdefgh", min_size=1, max_size=3)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)
objects = st.dictionaries(names, json_values, max_size=2)


def some(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with these keys, some of them left out, and with unknown keys."""
    known = st.fixed_dictionaries(required, optional=optional)
    unknown = st.dictionaries(st.sampled_from(["future", "custom"]), json_values)
    return st.builds(lambda one, two: {**one, **two}, unknown, known)


configs = some(
    {
        "id": names,
        "type": st.sampled_from(["string", "number", "any", "array", "object", "stream"]),
    },
    {
        "key": names,
        "direction": st.sampled_from(["input", "output", "passthrough"]),
        "defaultValue": json_values,
        "required": st.booleans(),
        "itemConfig": st.just({"type": "string", "odd": 1}),
        "schema": st.just({"properties": {"p": {"type": "number"}}}),
    },
)
entries = some({"config": configs}, {"value": json_values})
system_entries = some({}, {"id": names, "value": json_values}) | json_values
nodes = some(
    {
        "id": names,
        "type": names,
        "schemaVersion": st.just("v2"),
    },
    {
        "metadata": objects,
        "status": st.sampled_from(["initialized", "completed"]),
        "connections": objects,
        "ports": st.lists(entries, max_size=3, unique_by=lambda each: each["config"]["id"]),
        "systemPorts": st.dictionaries(
            st.sampled_from(["error", "errorMessage", "execute", "success", "later"]),
            system_entries,
        ),
    },
)
ends = {key: names for key in ("sourceNodeId", "sourcePortId", "targetNodeId", "targetPortId")}
edges = some({"id": names, **ends}, {"metadata": objects, "status": json_values})
metadata = some({"id": names, "schemaVersion": st.just("v2")}, {"name": names, "ownerID": names})
flows = some(
    {
        "metadata": metadata,
        "nodes": st.lists(nodes, max_size=3, unique_by=lambda each: each["id"]),
    },
    {
        "edges": st.lists(edges, max_size=3, unique_by=lambda each: each["id"]),
        "id": names,
        "createdAt": names,
    },
)


@settings(max_examples=200)
@given(flows)
def test_what_is_read_is_written_again(stored: dict[str, Any]) -> None:
    before = deepcopy(stored)
    written = write_flow(read_flow(stored))
    assert written == before
    assert json.dumps(written, sort_keys=True) == json.dumps(before, sort_keys=True)
    assert stored == before


@settings(max_examples=50)
@given(flows)
def test_what_is_written_is_read_again(stored: dict[str, Any]) -> None:
    flow = read_flow(stored)
    assert read_flow(write_flow(flow)) == flow


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_flow_is_read_or_refused_but_never_crashes(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["V2_emit1", "V1_emit1"]))
    document = stored_row(name)["data"]
    place = document
    for _ in range(data.draw(st.integers(0, 7))):
        inside = [each for each in _inside(place) if isinstance(place[each], dict | list)]
        if inside:
            place = place[data.draw(st.sampled_from(inside))]
    keys = _inside(place)
    if keys:
        place[data.draw(st.sampled_from(keys))] = data.draw(json_values)
    with suppress(BadInput):
        flow = read_flow(document)
        check(flow, kinds_in(flow), strict=True)
        check(flow, KINDS, strict=True)
        assert read_flow(write_flow(flow)) == flow


def _inside(place: Any) -> list[Any]:
    return list(place) if isinstance(place, dict) else list(range(len(place)))


@pytest.mark.parametrize("name", ROWS)
def test_a_whole_row_is_read_and_its_data_written(name: str) -> None:
    row = stored_row(name)
    flow = read_flow(row)
    assert write_flow(flow) == row["data"]
    assert (flow.id, flow.owner) == (row["id"], row["owner_id"])


def test_the_data_of_a_row_may_be_text() -> None:
    row = stored_row("V2_error")
    assert read_flow({**row, "data": json.dumps(row["data"])}) == read_flow(row)


def test_system_ports_are_values_of_the_node() -> None:
    stored = stored_row("V2_error")["data"]
    stored["nodes"][0]["systemPorts"]["execute"]["value"] = False
    assert read_flow(stored).nodes["div"].values[EXECUTE] is False


def test_the_order_of_nodes_and_edges_is_kept() -> None:
    stored = stored_row("V2_branch_true")["data"]
    flow = read_flow(stored)
    assert list(flow.nodes) == [each["id"] for each in stored["nodes"]]
    assert [each.id for each in flow.edges] == [each["id"] for each in stored["edges"]]


def test_a_node_of_an_unknown_type_is_kept() -> None:
    node = {"id": "n", "type": "NoSuchNode", "schemaVersion": "v2", "ports": []}
    flow = read_flow({"id": "f", "metadata": {"schemaVersion": "v2"}, "nodes": [node]})
    assert write_flow(flow)["nodes"] == [node]


def test_a_flow_without_an_id_gets_the_same_one_every_time() -> None:
    bare: dict[str, Any] = {"nodes": [], "edges": []}
    assert read_flow(bare, "a").id == read_flow(bare, "a").id != read_flow(bare, "b").id


def flow_with(**node: Any) -> dict[str, Any]:
    whole = {"id": "n", "type": "T", "schemaVersion": "v2", "ports": [], **node}
    return {"id": "f", "metadata": {"schemaVersion": "v2"}, "nodes": [whole], "edges": []}


EDGE = {"id": "e", "sourceNodeId": "a", "sourcePortId": "b", "targetNodeId": "c"}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (None, "expected an object, got nothing"),
        ([1], "got a list"),
        ("x", "got a text"),
        (7, "got a number"),
        (True, "got a boolean"),
        ({}, "it has no list of nodes"),
        ({"data": []}, "got a list"),
        ({"data": {"edges": []}}, "it has no list of nodes"),
        ({"data": "{"}, "line 1, column 2"),
        ({"nodes": {}}, "it has no list of nodes"),
        ({"nodes": [], "edges": {"a": 1}}, "its edges are no list"),
        ({"nodes": [], "metadata": [1]}, "its metadata is no object"),
        ({"nodes": [1]}, r"nodes\[0\] is no node with an id"),
        ({"nodes": [{"id": ""}]}, r"nodes\[0\] is no node with an id"),
        ({"nodes": [{"id": "n"}]}, "node n has no type"),
        (flow_with(schemaVersion="v3"), "node n has format v3, which .* cannot read"),
        (flow_with(ports=5), "node n: its ports are neither"),
        (flow_with(ports=[{"value": 1}]), "node n has a port without a config"),
        ({"nodes": [], "edges": [3]}, r"edges\[0\] is no edge"),
        ({"nodes": [], "edges": [EDGE]}, "edge e has no targetPortId"),
        (
            {"nodes": [{"id": "n", "type": "T"}] * 2},
            "node ids occur more than once: n",
        ),
        (
            {"nodes": [], "edges": [{**EDGE, "targetPortId": "d"}] * 2},
            "edge ids occur more than once: e",
        ),
    ],
)
def test_what_is_no_flow_is_refused_in_one_sentence(document: Any, reason: str) -> None:
    with pytest.raises(UnreadableFlow, match=reason) as caught:
        read_flow(document, "some.json")
    assert str(caught.value).startswith("some.json")


def test_all_wrong_ports_are_named_at_once() -> None:
    wrong = [
        {"config": {"id": "a", "type": "quaternion"}},
        {"config": {"id": "b", "type": "string", "direction": "sideways"}},
        {"config": {"id": "c", "type": "string"}},
        {"config": {"id": "c", "type": "string"}},
    ]
    with pytest.raises(InvalidFlow) as caught:
        read_flow(flow_with(ports=wrong))
    first, second, third = caught.value.problems
    assert "n.a" in first and "quaternion" in first
    assert "n.b" in second and "sideways" in second
    assert "n.c" in third and "twice" in third


def test_the_hash_of_a_snapshot_does_not_depend_on_the_order_of_keys() -> None:
    assert snapshot_hash({"a": 1, "b": [1]}) == snapshot_hash({"b": [1], "a": 1})
    assert snapshot_hash({"a": 1}) != snapshot_hash({"a": 2})
    assert snapshot_hash({"a": "\ud800"}) != snapshot_hash({"a": "ä"})


@pytest.mark.parametrize("source", ["flow.json", "flow", "stdin"])
def test_text_is_read_in_stored_form(source: str) -> None:
    row = stored_row("V2_error")
    flow = parse_flow_text(json.dumps(row), source, KINDS)
    assert write_flow(flow) == row["data"]


def test_text_is_read_in_compact_form() -> None:
    as_yaml = parse_flow_text("nodes: {add: {type: MathNode, inputs: {a: 1}}}", "sum.yaml", KINDS)
    as_json = parse_flow_text(
        '{"nodes": {"add": {"type": "MathNode", "inputs": {"a": 1}}}}', "sum.json", KINDS
    )
    assert as_yaml == as_json
    assert as_yaml.nodes["add"].values["a"] == 1
