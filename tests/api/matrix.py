"""Who may call what: a table to hold the server against, and the calls to do so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

SECRET: Final = "nobody-else-may-read-this"
"""A name and a value in every flow of the owner."""


@dataclass(frozen=True, slots=True)
class Things:
    """What the owner has, made anew for each call."""

    flow_id: str
    execution_id: str
    share_id: str


@dataclass(frozen=True, slots=True)
class Case:
    """A procedure: the roles whose owners may call it, its input, and the same as REST."""

    roles: str
    given: Callable[[Things], Mapping[str, Any]]
    rest: tuple[str, str] | None = None
    #: a stranger may call it too, and gets what is its own
    of_nobody: bool = False
    #: the bearer of a share of the execution may call it
    shared: bool = False
    #: the scope to read is needed beside the one to run
    reads: bool = False


def nothing(things: Things) -> dict[str, Any]:
    return {}


def flow(things: Things) -> dict[str, Any]:
    return {"flowId": things.flow_id}


def execution(things: Things) -> dict[str, Any]:
    return {"executionId": things.execution_id}


def document(flow_id: str) -> dict[str, Any]:
    return {
        "id": flow_id,
        "name": SECRET,
        "nodes": {
            "add": {
                "type": "MathNode",
                "title": SECRET,
                "inputs": {"a": 1, "b": 2, "operation": "add"},
            }
        },
    }


EVERYBODY: Final = "admin user agent guest"
RUNNERS: Final = "admin user agent"
AUTHORS: Final = "admin user"

TRPC: Final[Mapping[str, Case]] = {
    "create": Case(RUNNERS, flow, ("POST", "/executions")),
    "fork": Case(RUNNERS, execution, ("POST", "/executions/{execution_id}/fork")),
    "retry": Case(RUNNERS, execution, ("POST", "/executions/{execution_id}/retry")),
    "start": Case(RUNNERS, execution, ("POST", "/executions/{execution_id}/start")),
    "stop": Case(RUNNERS, execution, ("POST", "/executions/{execution_id}/stop")),
    "pause": Case(RUNNERS, execution, ("POST", "/executions/{execution_id}/pause")),
    "resume": Case(RUNNERS, execution, ("POST", "/executions/{execution_id}/resume")),
    "step": Case(RUNNERS, execution, ("POST", "/executions/{execution_id}/step")),
    "setBreakpoints": Case(
        RUNNERS,
        lambda things: {**execution(things), "breakpoints": []},
        ("POST", "/executions/{execution_id}/breakpoints"),
    ),
    "sendSignal": Case(
        EVERYBODY,
        lambda things: {**execution(things), "name": "go", "value": SECRET},
        ("POST", "/executions/{execution_id}/signals"),
    ),
    "getExecutionDetails": Case(
        EVERYBODY, execution, ("GET", "/executions/{execution_id}"), shared=True
    ),
    "getExecutionsTree": Case(EVERYBODY, execution, ("GET", "/executions/{execution_id}/tree")),
    "getRootExecutions": Case(EVERYBODY, flow, ("GET", "/executions?flowId={flow_id}")),
    "shareExecution": Case(
        RUNNERS, execution, ("POST", "/executions/{execution_id}/shares"), reads=True
    ),
    "getShares": Case(RUNNERS, execution, ("GET", "/executions/{execution_id}/shares"), reads=True),
    "unshareExecution": Case(
        RUNNERS,
        lambda things: {**execution(things), "shareId": things.share_id},
        ("DELETE", "/executions/{execution_id}/shares/{share_id}"),
    ),
    "subscribeToExecutionEvents": Case(EVERYBODY, execution, shared=True),
    "subscribeToTreeEvents": Case(EVERYBODY, execution),
}

REST_ONLY: Final[Mapping[str, Case]] = {
    "listFlows": Case(EVERYBODY, nothing, ("GET", "/flows"), of_nobody=True),
    "getFlow": Case(EVERYBODY, flow, ("GET", "/flows/{flow_id}")),
    "storeFlow": Case(
        AUTHORS, lambda things: document(things.flow_id), ("PUT", "/flows/{flow_id}")
    ),
    "deleteFlow": Case(AUTHORS, flow, ("DELETE", "/flows/{flow_id}")),
    "getCatalog": Case(EVERYBODY, nothing, ("GET", "/catalog"), of_nobody=True),
    "listExecutions": Case(EVERYBODY, nothing, ("GET", "/executions"), of_nobody=True),
    "getEvents": Case(
        EVERYBODY, nothing, ("GET", "/executions/{execution_id}/events"), shared=True
    ),
    "followEvents": Case(
        EVERYBODY, nothing, ("STREAM", "/executions/{execution_id}/events"), shared=True
    ),
    "followTree": Case(EVERYBODY, nothing, ("STREAM", "/executions/{execution_id}/tree/events")),
}
