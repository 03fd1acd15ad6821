"""What a parked execution waits for, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chaingraph.cli.show import local_time
from chaingraph.execution.times import from_ms


def waits_text(parked: Mapping[str, Any], label: Callable[[str], str] = str) -> list[str]:
    """The data of a `flow:parked` as lines; `label` names a node by its id."""
    lines = [f"{label(wait['nodeId'])}: {_wait(wait)}" for wait in parked["waits"]]
    if parked["children"]:
        lines.append(f"for the end of its children: {parked['children']}")
    if parked["paused"]:
        lines.append("until it is resumed")
    if not lines and parked["wakeAt"] is not None:
        lines.append(until(parked["wakeAt"]))
    return lines


def until(due: float | None) -> str:
    return "" if due is None else f"until {local_time(from_ms(int(due)))}"


def _wait(wait: Mapping[str, Any]) -> str:
    match wait["kind"]:
        case "signal":
            asked = f" from {', '.join(wait['assignees'])}" if wait["assignees"] else ""
            limit = f", {until(wait['due'])}" if wait["due"] is not None else ""
            return f"for the signal {wait['name']}{asked}{limit}"
        case "child":
            return f"for execution {wait['executionId']} of flow {wait['flowId']}"
        case "retry":
            return f"for another try {until(wait['due'])}".rstrip()
    return until(wait["due"])
