"""Flows on their way in: checked, given their inputs, completed and made a snapshot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from chaingraph.errors import BadInput, InvalidFlow, PortError, ValueTooLarge
from chaingraph.execution.sealing import Seal, seal_flow, seal_inputs
from chaingraph.flow.codec import read_flow, snapshot_hash, write_flow
from chaingraph.flow.complete import complete
from chaingraph.flow.model import Flow, Node, NodeTypes
from chaingraph.flow.ports import root_of
from chaingraph.flow.secrets import is_sensitive
from chaingraph.flow.transfer import normalise, set_path
from chaingraph.flow.validate import check

#: types whose values are never large
LIGHT = frozenset((type(None), bool, int, float))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A flow that may run. `json` is the snapshot, the text of the completed flow."""

    flow: Flow
    json: bytes
    hash: str
    warnings: tuple[str, ...]
    #: what it was given; secrets are sealed
    inputs: Mapping[str, Any]


def prepare(
    given: Flow | Mapping[str, Any],
    types: NodeTypes,
    inputs: Mapping[str, Any],
    *,
    max_value_bytes: int,
    seal: Seal | None = None,
) -> Prepared:
    """Check a flow with these inputs (`node.port` -> value) and complete it for running.

    Without `seal` its secrets stay as they were given: it must not be written anywhere.
    Raises InvalidFlow with everything that is wrong, UnreadableFlow, or ValueTooLarge.
    """
    flow = given if isinstance(given, Flow) else read_flow(given)
    flow = with_inputs(flow, types, inputs) if inputs else flow
    report = check(flow, types, strict=False)
    if report.errors:
        raise InvalidFlow(flow.id, report.errors)
    ready = complete(flow, types)
    if seal is not None:
        ready, inputs = seal_flow(ready, ready, seal), seal_inputs(inputs, ready, seal)
    written = write_flow(ready)
    text = _text(written)
    if len(text) > max_value_bytes:
        _weigh(ready, max_value_bytes)
    return Prepared(ready, text, snapshot_hash(written), report.warnings, inputs)


def _text(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def flow_json(flow: Flow) -> dict[str, Any]:
    """The stored form of a flow."""
    return write_flow(flow)


def with_inputs(flow: Flow, types: NodeTypes, inputs: Mapping[str, Any]) -> Flow:
    """The flow with these values at its ports. Raises BadInput naming everything wrong."""
    whole = complete(flow, types)
    nodes = dict(flow.nodes)
    problems: list[str] = []
    for name, value in inputs.items():
        node_id, _, port_id = name.partition(".")
        node = whole.nodes.get(node_id)
        port = node.port(port_id) if node is not None and port_id else None
        if node is None or port is None or not port.direction.takes_values:
            problems.append(f"there is no input port {name}")
            continue
        if (root := root_of(port_id)) != port_id and is_sensitive(node.ports[root]):
            problems.append(f"port {name}: {root} is sealed as a whole, and given as a whole")
            continue
        try:
            nodes[node_id] = _with_value(nodes[node_id], node, port_id, normalise(port, value))
        except PortError as error:
            problems.append(f"port {name}: {error.reason}")
    if problems:
        raise BadInput(f"Flow {flow.id} cannot take these inputs: " + "; ".join(problems))
    return replace(flow, nodes=nodes)


def _with_value(stored: Node, whole: Node, port_id: str, value: Any) -> Node:
    """The stored node with one more value; a part of an object keeps its default siblings."""
    root = root_of(port_id)
    values = dict(stored.values)
    if root != port_id and root not in values and root in whole.values:
        values[root] = whole.values[root]
    set_path(values, port_id, value)
    return replace(stored, values=values)


def _weigh(flow: Flow, limit: int) -> None:
    for node in flow.nodes.values():
        for port_id, value in node.values.items():
            size = 0 if type(value) in LIGHT else len(_text(value))
            if size > limit:
                raise ValueTooLarge(f"The value of {node.id}.{port_id}", size, limit)
