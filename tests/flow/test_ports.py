from __future__ import annotations

import pytest

from chaingraph.errors import PortError
from chaingraph.flow.model import Node
from chaingraph.flow.ports import Direction, PortType, root_of, split_path
from tests.flow.kinds import obj, port


def test_children_are_found_by_their_path() -> None:
    rows = port(
        "rows", "array", "output", itemConfig={"type": "object", **obj(n={"type": "number"})}
    )
    child = rows.child("[3].n")
    assert child is not None
    assert (child.type, child.direction) == (PortType.NUMBER, Direction.OUTPUT)


@pytest.mark.parametrize("path", [".x", "[0].x", "[0].n.x", "..", "[a]"])
def test_there_is_no_child_at_a_wrong_path(path: str) -> None:
    rows = port("rows", "array", itemConfig={"type": "object", **obj(n={"type": "number"})})
    assert rows.child(path) is None


def test_open_ports_answer_for_every_property() -> None:
    for open_port in (port("p", "any"), port("p", "object", isSchemaMutable=True)):
        child = open_port.child(".anything")
        assert child is not None and child.type is PortType.ANY


@pytest.mark.parametrize(
    ("port_id", "root"), [("a", "a"), ("a.b", "a"), ("a[0]", "a"), ("a[0].b", "a"), ("a.b[1]", "a")]
)
def test_the_root_of_a_path_is_its_top_level_port(port_id: str, root: str) -> None:
    assert root_of(port_id) == root


def test_a_path_is_split_into_properties_and_items() -> None:
    assert split_path(".a[10].b") == ["a", 10, "b"]
    with pytest.raises(PortError):
        split_path(".a..b")


def test_switched_off_system_ports_are_not_there() -> None:
    flow_ports = {"disabledFlowPorts": True, "disabledError": True}
    bare = Node("n", "T", {"flowPorts": flow_ports}, {}, {})
    assert bare.port("__execute") is bare.port("__success") is bare.port("__error") is None
    whole = Node("n", "T", {}, {}, {}).port("__errorMessage")
    assert whole is not None and whole.is_error
