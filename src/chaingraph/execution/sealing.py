"""Secrets on their way in: sealed before anything of them is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeAlias

from chaingraph.errors import PortError
from chaingraph.flow.model import Flow, Node
from chaingraph.flow.ports import Json, Port
from chaingraph.flow.secrets import Sealed, holds_secrets, sealed_value
from chaingraph.flow.transfer import normalise

Seal: TypeAlias = Callable[[Json], Sealed]


def seal_flow(flow: Flow, whole: Flow, seal: Seal) -> Flow:
    """`flow` with its secrets sealed; which they are is told by `whole`, the completed flow."""
    changed = {
        node.id: replace(node, values={**node.values, **sealed})
        for node in flow.nodes.values()
        if (sealed := _sealed_values(node, whole.nodes[node.id], seal))
    }
    return replace(flow, nodes={**flow.nodes, **changed}) if changed else flow


def seal_inputs(inputs: Mapping[str, Any], whole: Flow, seal: Seal) -> dict[str, Any]:
    """Inputs (`node.port` -> value), with the secrets among them sealed."""
    return {name: _sealed(_port(name, whole), value, seal) for name, value in inputs.items()}


def _sealed_values(node: Node, whole: Node, seal: Seal) -> dict[str, Any]:
    values = {}
    for port_id, value in node.values.items():
        port = whole.ports.get(port_id)
        if port is not None and holds_secrets(port):
            values[port_id] = _sealed(port, value, seal)
    return values


def _port(name: str, flow: Flow) -> Port | None:
    node_id, _, port_id = name.partition(".")
    return flow.nodes[node_id].port(port_id)


def _sealed(port: Port | None, value: Any, seal: Seal) -> Any:
    if port is None or not holds_secrets(port):
        return value
    with suppress(PortError):  # what an earlier run left at an output is sealed as it is
        value = normalise(port, value)
    return sealed_value(port, value, seal)
