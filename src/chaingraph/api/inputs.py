"""What callers may send, checked strictly.

Nothing is converted: "5" is no number, an ISO string no date, and null is not the same as an
absent member. Members nobody knows are dropped.
"""

from __future__ import annotations

from datetime import datetime
from sys import float_info
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

T = TypeVar("T")


def _refuse_null(value: Any) -> Any:
    if value is None:
        raise PydanticCustomError("invalid_type", "Null is not accepted; leave the member out")
    return value


def _number(value: Any) -> Any:
    """JavaScript has one kind of number; 1 stays 1 and 1.5 stays 1.5."""
    if type(value) not in (int, float) or not abs(value) <= float_info.max:
        raise PydanticCustomError("invalid_type", "Expected a number")
    return value


def _position(value: float) -> int:
    """Beyond JavaScript's exact integers lies no position."""
    return int(max(-(2.0**53), min(value, 2.0**53)))


def _check_integration(value: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(value.get("external", {}), dict):
        raise PydanticCustomError("invalid_type", "external: expected an object")
    return value


Maybe: TypeAlias = Annotated[T | None, BeforeValidator(_refuse_null)]
"""May be absent (then None), but not null."""
Number: TypeAlias = Annotated[float, PlainValidator(_number, json_schema_input_type=float)]


Key: TypeAlias = Annotated[str, Field(max_length=255)]
"""What a caller chooses to name something by: it is kept in an index."""
CommandId: TypeAlias = Annotated[str, Field(max_length=300)]
"""The same; it may be made of a key and the name of a command."""
Position: TypeAlias = Annotated[Number, AfterValidator(_position)]


def _without_null(schema: dict[str, Any]) -> None:
    """The schema says what the checks do: a member may be absent, but not null."""
    for member in schema.get("properties", {}).values():
        if member.get("default", ...) is None:
            del member["default"]
            kinds = [kind for kind in member.pop("anyOf", ()) if kind != {"type": "null"}]
            member |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {}


class Input(BaseModel):
    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        validate_by_name=False,
        json_schema_extra=_without_null,
    )


class Running(Input):
    max_concurrency: Maybe[Number] = None
    node_timeout_ms: Maybe[Number] = None
    flow_timeout_ms: Maybe[Number] = None
    child_failure: Maybe[Literal["ignore", "fail"]] = None


class Breakpoint(Input):
    """What it names, and whether that is one thing only, the engine judges."""

    node_id: Maybe[str] = None
    edge_id: Maybe[str] = None
    condition: Maybe[str] = None


Breakpoints: TypeAlias = list[str | Breakpoint]


class Options(Input):
    execution: Maybe[Running] = None
    debug: Maybe[bool] = None
    breakpoints: Maybe[Breakpoints] = None

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(by_alias=True, exclude_unset=True)


class ExternalEvent(Input):
    event_name: str
    payload: Any = None

    def as_json(self) -> dict[str, Any]:
        sent = {"payload": self.payload} if "payload" in self.model_fields_set else {}
        return {"eventName": self.event_name, **sent}


class Create(Input):
    flow_id: str
    options: Maybe[Options] = None
    integration: Maybe[Annotated[dict[str, Any], AfterValidator(_check_integration)]] = None
    events: Maybe[list[ExternalEvent]] = None
    #: values of ports, by `node.port`
    inputs: Maybe[dict[str, Any]] = None
    idempotency_key: Maybe[Key] = None


class OnFlow(Input):
    flow_id: str


class StoreFlow(Input):
    """The flow as its JSON says it; under `flow_id`, or else under its own id."""

    document: dict[str, Any]
    flow_id: Maybe[Key] = None


class OnExecution(Input):
    execution_id: str


class Command(OnExecution):
    """Whatever steers an execution. The same id twice is one command."""

    command_id: Maybe[CommandId] = None


class Stop(Command):
    reason: Maybe[str] = None


class Pause(Command):
    reason: Maybe[str] = None
    tree: bool = False
    now: bool = False


class Resume(Command):
    tree: bool = False


class SetBreakpoints(Command):
    breakpoints: Breakpoints

    def as_json(self) -> list[Any]:
        written: list[Any] = self.model_dump(by_alias=True, exclude_unset=True)["breakpoints"]
        return written


class SendSignal(OnExecution):
    name: str
    value: Any = None
    command_id: Maybe[CommandId] = Field(
        None, validation_alias=AliasChoices("commandId", "signalId")
    )


class Retry(OnExecution):
    start: bool = True
    idempotency_key: Maybe[Key] = None


class Fork(Retry):
    nodes: list[str] = []
    inputs: Maybe[dict[str, Any]] = None
    newer: bool = False


class Share(OnExecution):
    #: a label for people
    name: Key = ""
    expires_in_seconds: Maybe[Annotated[Number, Field(gt=0, le=365 * 86_400)]] = None


class Unshare(OnExecution):
    share_id: str


class Listing(Input):
    flow_id: Maybe[str] = None
    limit: Annotated[Number, Field(ge=1, le=100)] = 50
    after: Maybe[datetime] = None


class Roots(Listing):
    flow_id: str


class Seen(OnExecution):
    event_types: list[str] = []
    view: Literal["full", "compact"] = "full"


class Page(Seen):
    from_index: Position = 0
    limit: Annotated[Number, Field(ge=1, le=1000)] = 100


class Stream(Seen):
    batch_size: Annotated[Number, Field(ge=1, le=1000)] = 100
    batch_timeout_ms: Annotated[Number, Field(ge=0, le=1000)] = 25


class Subscribe(Stream):
    from_index: Position = 0


class SubscribeToTree(Stream):
    cursor: Maybe[str] = None
    #: the cursor of a client that lost its connection
    last_event_id: Maybe[str] = None
