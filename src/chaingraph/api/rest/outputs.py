"""What the operations answer, as OpenAPI has it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from chaingraph.execution.records import Status


class Output(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class FlowSummary(Output):
    id: str
    name: str
    owner_id: str
    version: int
    created_at: datetime
    updated_at: datetime


class StoredFlow(FlowSummary):
    flow: dict[str, Any]
    """The stored form."""


class Flows(Output):
    flows: list[FlowSummary]


class NodeType(Output):
    name: str
    title: str
    category: str
    description: str
    version: int
    kind: Literal["pure", "effect", "once"]
    ports: list[dict[str, Any]]
    flow_ports: dict[str, Any]


class Catalog(Output):
    node_types: list[NodeType]


class Execution(Output):
    id: str
    flow_id: str
    owner_id: str
    root_execution_id: str
    parent_execution_id: str | None
    status: Status
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    error_message: str | None
    error_node_id: str | None
    execution_depth: int
    options: dict[str, Any] | None
    integration: dict[str, Any] | None
    external_events: list[Any] | None
    failure_count: int
    last_failure_reason: str | None
    last_failure_at: datetime | None
    processing_started_at: datetime | None
    processing_worker_id: str | None
    forked_from: str | None


class Root(Output):
    execution: Execution
    levels: int
    total_nested: int


class Roots(Output):
    executions: list[Root]


class TreeNode(Output):
    id: str
    parent_id: str | None
    level: int
    execution: Execution


class Tree(Output):
    executions: list[TreeNode]


class Created(Output):
    execution_id: str


class Accepted(Output):
    success: Literal[True]


class Share(Output):
    id: str
    name: str
    created_at: datetime
    expires_at: datetime | None


class NewShare(Share):
    token: str


class Shares(Output):
    shares: list[Share]


class Event(Output):
    position: int
    index: int | None
    type: str
    timestamp: datetime
    data: dict[str, Any]


class EventPage(Output):
    events: list[Event]
    next: int
    """The position at which the next page begins."""
    ended: bool
    """No event will ever come after these."""
