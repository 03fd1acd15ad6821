from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from chaingraph.flow.codec import read_flow, write_flow
from chaingraph.flow.migrate import needs_migration, to_v2
from tests.flow.kinds import stored_row


def same_flow(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A stored flow migrated from v1, and its twin that was stored as v2."""
    old = json.loads(json.dumps(stored_row(f"V1_{name}")).replace("V1bench", "V2bench"))
    new = stored_row(f"V2_{name}")["data"]
    migrated = write_flow(read_flow(old))
    migrated["metadata"]["name"] = new["metadata"]["name"]
    return migrated, new


def test_a_migrated_flow_equals_the_same_flow_stored_as_v2() -> None:
    migrated, new = same_flow("emit1")
    assert migrated == new


def test_a_chain_keeps_its_edges_under_short_port_ids() -> None:
    flow = read_flow(stored_row("V1_chain10"))
    assert [str(each) for each in flow.edges] == [f"n{at}.result -> n{at + 1}.a" for at in range(9)]
    assert list(flow.nodes["n0"].ports) == ["a", "b", "operation", "result"]
    assert flow.nodes["n0"].values["operation"] == "add"


def test_reading_changes_neither_the_document_nor_its_dates() -> None:
    row = stored_row("V1_chain10")
    before = deepcopy(row)
    flow = read_flow(row)
    assert row == before
    assert flow.metadata["updatedAt"] == row["data"]["metadata"]["updatedAt"]
    assert flow.metadata["schemaVersion"] == "v2"


@pytest.mark.parametrize("name", ["V1_chain10", "V1_emit1", "V2_error"])
def test_migrating_twice_changes_nothing_more(name: str) -> None:
    once = to_v2(stored_row(name)["data"])
    assert not needs_migration(once)
    assert to_v2(once) == once


def port(port_id: str, key: str, **config: Any) -> dict[str, Any]:
    return {"config": {"id": port_id, "key": key, "type": "any", **config}}


def v1_flow(ports: dict[str, Any], edges: list[dict[str, Any]] | None = None, **node: Any) -> Any:
    whole = {"id": "n", "metadata": {"type": "T"}, "ports": ports, **node}
    return {"id": "f", "metadata": {}, "nodes": [whole], "edges": edges or []}


def test_items_and_nested_children_get_paths_as_ids() -> None:
    ports = {
        "rows:PO1": port("rows:PO1", "rows", type="array"),
        "0:PO2": port("0:PO2", "0", type="object", parentId="rows:PO1"),
        "name:PO3": port("name:PO3", "name", parentId="0:PO2"),
    }
    edge = {
        "id": "e",
        "sourceNodeId": "n",
        "sourcePortId": "name:PO3",
        "targetNodeId": "n",
        "targetPortId": "unknown:PO9",
    }
    flow = read_flow(v1_flow(ports, [edge]))
    assert str(flow.edges[0]) == "n.rows[0].name -> n.unknown:PO9"
    assert list(flow.nodes["n"].ports) == ["rows"]


def test_values_stored_apart_or_only_in_children_are_found() -> None:
    ports = {
        "a:PO1": port("a:PO1", "a"),
        "o:PO2": port("o:PO2", "o", type="object"),
        "p:PO3": {**port("p:PO3", "p", parentId="o:PO2"), "value": 7},
    }
    node = read_flow(v1_flow(ports, ports_values={"a:PO1": 5})).nodes["n"]
    assert node.values == {"a": 5, "o": {"p": 7}}


def test_children_missing_in_the_schema_become_part_of_it() -> None:
    ports = {
        "o:PO2": port("o:PO2", "o", type="object", schema={"properties": {}}),
        "p:PO3": port("p:PO3", "p", type="number", parentId="o:PO2"),
    }
    child = read_flow(v1_flow(ports)).nodes["n"].port("o.p")
    assert child is not None and child.type == "number"


def test_ids_inside_configurations_are_renamed() -> None:
    ports = {
        "a:PO1": port(
            "a:PO1",
            "a",
            underlyingType={"id": "a:PO1", "nodeId": "n", "type": "any"},
            connections=[{"nodeId": "n", "portId": "a:PO1"}, "odd"],
        )
    }
    config = read_flow(v1_flow(ports)).nodes["n"].ports["a"].config
    assert config["underlyingType"]["id"] == "a"
    assert config["connections"] == [{"nodeId": "n", "portId": "a"}, "odd"]


def test_parents_that_go_in_a_circle_do_not_hang() -> None:
    ports = {
        "a:PO1": port("a:PO1", "a", parentId="b:PO2"),
        "b:PO2": port("b:PO2", "b", parentId="a:PO1"),
    }
    assert read_flow(v1_flow(ports)).nodes["n"].type == "T"


def test_new_nodes_in_an_old_flow_keep_their_form() -> None:
    row = stored_row("V2_emit1")["data"]
    row["metadata"].pop("schemaVersion")
    assert write_flow(read_flow(row))["nodes"] == row["nodes"]


@pytest.mark.parametrize("schema", [True, 7, "text", [], {"properties": True}])
def test_a_schema_that_is_no_object_is_an_empty_one(schema: Any) -> None:
    document = json.loads(json.dumps(stored_row("V1_emit1")["data"]))
    for node in document["nodes"]:
        for entry in node["ports"].values():
            entry["config"]["schema"] = schema
    assert read_flow(document).nodes
