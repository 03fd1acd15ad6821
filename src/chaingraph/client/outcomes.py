"""What became of an execution, added up from its events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from chaingraph.client.records import Event, Status

_ENDINGS: Final = {
    "flow:completed": Status.COMPLETED,
    "flow:failed": Status.FAILED,
    "flow:cancelled": Status.STOPPED,
}
#: All that `outcome` has to see.
TYPES: Final = frozenset(("node:completed", "node:failed", "node:skipped", *_ENDINGS))


@dataclass(frozen=True, slots=True)
class NodeOutcome:
    """How a node ended. `error` says why it failed or was skipped."""

    status: Literal["completed", "failed", "skipped"]
    outputs: Mapping[str, Any]
    error: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an execution ended. `error` says why it failed or was stopped.

    `nodes` are those that ended, by their ids.
    """

    execution_id: str
    status: Status
    error: str | None
    nodes: Mapping[str, NodeOutcome]


async def outcome(execution_id: str, events: AsyncIterator[Event]) -> Outcome:
    """The outcome of an execution whose events, in full form, end with the last one."""
    nodes: dict[str, NodeOutcome] = {}
    status, error = Status.CREATED, None
    async for event in events:
        if event.is_last:
            status, error = _ENDINGS[event.type], _reason(event)
        else:
            node_id, node = _node(event)
            nodes[node_id] = node
    return Outcome(execution_id, status, error, nodes)


def _node(event: Event) -> tuple[str, NodeOutcome]:
    if event.type == "node:skipped":
        return event.data["nodeId"], NodeOutcome("skipped", {}, _reason(event))
    node = event.data["node"]
    status: Literal["completed", "failed"]
    status = "completed" if event.type == "node:completed" else "failed"
    return node["id"], NodeOutcome(status, _outputs(node), _reason(event))


def _outputs(node: Mapping[str, Any]) -> dict[str, Any]:
    return {
        port["config"]["id"]: port["value"]
        for port in node.get("ports", ())
        if port["config"].get("direction") == "output" and port.get("value") is not None
    }


def _reason(event: Event) -> str | None:
    error = event.data.get("error")
    return event.data.get("reason") if error is None else error.message
