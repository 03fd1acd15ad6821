from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from chaingraph.flow.codec import read_flow, write_flow
from chaingraph.flow.complete import complete
from chaingraph.flow.model import Node
from tests.flow.kinds import KINDS, kinds_in, obj, stored_row


def completed(**node: Any) -> Node:
    whole = {"id": "n", "schemaVersion": "v2", **node}
    flow = read_flow({"id": "f", "metadata": {"schemaVersion": "v2"}, "nodes": [whole]})
    return complete(flow, KINDS).nodes["n"]


def entry(port_id: str, kind: str, value: Any = ..., **config: Any) -> dict[str, Any]:
    whole = {"config": {"id": port_id, "key": port_id, "type": kind, **config}}
    return whole if value is ... else {**whole, "value": value}


SYSTEM: Mapping[str, Any] = {
    "__execute": True,
    "__success": True,
    "__error": False,
    "__errorMessage": "",
}


def test_ports_of_the_type_are_added_with_their_defaults() -> None:
    node = completed(type="MathNode", ports=[entry("b", "number", 5), entry("own", "string")])
    assert list(node.ports) == ["b", "own", "a", "operation", "result"]
    assert node.ports["a"].config["nodeId"] == "n"
    assert node.values == {"b": 5, "a": 0, "result": 0, **SYSTEM}


@pytest.mark.parametrize(
    ("port", "value"),
    [
        (entry("a", "number", 1, defaultValue=2), 1),
        (entry("a", "number", None, defaultValue=2), None),
        (entry("a", "number", defaultValue=2), 2),
        (entry("a", "number"), 0),
        (entry("a", "number", "3.5"), 3.5),
        (entry("a", "number", "wrong"), "wrong"),
    ],
)
def test_stored_value_comes_before_own_default_before_the_types(port: Any, value: Any) -> None:
    assert completed(type="MathNode", ports=[port]).values["a"] == value


def test_an_object_without_value_is_made_of_its_properties_defaults() -> None:
    assert completed(type="BoxNode").values["box"] == {"size": 3}
    stored = entry("box", "object", {"label": "x"}, **obj(size={"type": "number"}))
    assert completed(type="BoxNode", ports=[stored]).values["box"] == {"label": "x"}


def test_ports_without_any_default_and_live_ports_stay_without_value() -> None:
    values = completed(type="BoxNode").values
    assert not {"items", "key", "words"} & values.keys()


def test_flow_ports_of_the_class_are_merged_under_the_stored_ones() -> None:
    assert completed(type="ListenerNode").flow_ports.disabled_auto_execution
    stored = {"flowPorts": {"disabledAutoExecution": False, "disabledError": True}}
    flow_ports = completed(type="ListenerNode", metadata=stored).flow_ports
    assert not flow_ports.disabled_auto_execution
    assert flow_ports.disabled_error


def test_switched_off_system_ports_hold_no_values() -> None:
    stored = {"execute": {"id": "__execute", "value": True}}
    assert completed(type="BareNode", systemPorts=stored).values == {}


def test_a_stored_system_value_is_kept() -> None:
    stored = {"execute": {"id": "__execute", "value": False}}
    assert completed(type="TextNode", systemPorts=stored).values["__execute"] is False


def test_nodes_of_unknown_types_get_what_their_ports_say() -> None:
    node = completed(type="NoSuchNode", ports=[entry("a", "number", defaultValue=2)])
    assert node.values == {"a": 2, **SYSTEM}


def test_completing_twice_changes_nothing_more() -> None:
    flow = complete(read_flow({"nodes": [{"id": "n", "type": "MathNode"}]}), KINDS)
    assert complete(flow, KINDS) == flow
    assert write_flow(flow)["nodes"][0]["status"] == "initialized"


@pytest.mark.parametrize("name", ["V2_branch_true", "V2_error", "V2_emit1"])
def test_a_flow_that_was_stored_whole_stays_as_it_is(name: str) -> None:
    flow = read_flow(stored_row(name))
    assert write_flow(complete(flow, kinds_in(flow))) == write_flow(flow)
