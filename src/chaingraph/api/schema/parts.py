"""What the data of events is made of: parts of flows, waits and their answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from chaingraph.api.inputs import Maybe
from chaingraph.superjson import JsError

Values: TypeAlias = dict[str, Any]
"""Values by the ids of ports, or by `node.port`."""


def _check_error(value: Any) -> Any:
    if not isinstance(value, JsError):
        raise PydanticCustomError("invalid_type", "Expected an error")
    return value


Failure: TypeAlias = Annotated[
    Any, AfterValidator(_check_error), WithJsonSchema({"type": "object", "format": "error"})
]
"""An Error of JavaScript."""


class Data(BaseModel):
    """What the data of an event is made of. Members nobody declared are a mistake."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class Stored(Data):
    """A part of a flow; it may have members of its own beside these."""

    model_config = ConfigDict(extra="allow")


class PortValue(Stored):
    """A port as its `config` has it, and its value if it has one."""

    config: dict[str, Any]
    value: Any = None


class Node(Stored):
    """A node as it stands, in the stored form."""

    id: str
    type: Maybe[str] = None
    metadata: dict[str, Any]
    status: Maybe[str] = None
    ports: Maybe[list[PortValue]] = None
    system_ports: Maybe[dict[str, Any]] = None
    connections: Maybe[dict[str, Any]] = None
    schema_version: str


class Edge(Stored):
    """An edge in the stored form."""

    id: str
    source_node_id: str
    source_port_id: str
    target_node_id: str
    target_port_id: str
    metadata: Maybe[dict[str, Any]] = None
    status: str


class Origin(Data):
    """The execution that was forked, and its nodes that run again."""

    execution_id: str
    nodes: list[str]


class Emitted(Data):
    id: str
    type: str
    data: Any


class LargeValue(Data):
    """A value that is kept elsewhere, under its hash."""

    hash: str = Field(alias="$blob")
    size: int


class Sleep(Data):
    kind: Literal["sleep"]
    since: int
    due: int


class WaitForSignal(Data):
    kind: Literal["signal"]
    name: str
    json_schema: dict[str, Any] = Field(alias="schema")
    title: str
    assignees: list[str]
    since: int
    due: int | None


class WaitForChild(Data):
    kind: Literal["child"]
    execution_id: str
    flow_id: str
    since: int
    due: None


Wait: TypeAlias = Sleep | WaitForSignal | WaitForChild


class TimeIsUp(Data):
    kind: Literal["time"]
    waited: int


class Received(Data):
    kind: Literal["signal"]
    signal_id: str


class ChildEnded(Data):
    kind: Literal["child"]
    execution_id: str
    status: Literal["completed", "failed", "stopped"]
    outputs: Maybe[Values] = None
    error: str | None


Answer: TypeAlias = TimeIsUp | Received | ChildEnded


class OfNode(Data):
    node_id: str


class SleepingNode(Sleep, OfNode): ...


class NodeWaitingForSignal(WaitForSignal, OfNode): ...


class NodeWaitingForChild(WaitForChild, OfNode): ...


class NodeWaitingForRetry(OfNode):
    kind: Literal["retry"]
    due: int | None
