"""The messages of a tRPC WebSocket: what clients send, and the frames that answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from chaingraph.trpc.codes import TRPCError
from chaingraph.trpc.limits import Limits
from chaingraph.trpc.router import Kind
from chaingraph.trpc.transformer import Transformer, read_json

Params: TypeAlias = dict[str, str] | None
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Envelope:
    """What an answer repeats of its request, each with its type: 1 and "1" are different ids."""

    id: int | float | str | None = None
    has_id: bool = True
    jsonrpc: bool = False

    def frame(self, **content: Any) -> dict[str, Any]:
        head: dict[str, Any] = {"id": self.id} if self.has_id else {}
        return {**head, **({"jsonrpc": "2.0"} if self.jsonrpc else {}), **content}


NOBODY = Envelope(None)


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A request for a procedure. Two calls are never equal, not even under one id."""

    envelope: Envelope
    kind: Kind
    path: str
    input: Any


@dataclass(frozen=True, slots=True)
class Stop:
    """The client no longer wants the subscription of that id."""

    id: int | float | str | None


def parse_frame(text: str, transformer: Transformer, limits: Limits) -> list[Call | Stop]:
    """The requests of one text frame. Raises TRPCError, and then none of them shall run."""
    try:
        message = read_json(text)
    except ValueError as error:
        raise _malformed(str(error)) from error
    members = message if isinstance(message, list) else [message]
    if len(members) > limits.requests:
        problem = f"A message holds at most {limits.requests} requests, not {len(members)}"
        raise TRPCError("BAD_REQUEST", problem)
    return [_parse_request(member, transformer) for member in members]


def parse_params(text: str) -> Params:
    """The values of a first frame that was announced as connection parameters."""
    try:
        message = read_json(text)
    except ValueError as error:
        raise _malformed("Malformed TRPCConnectionParamsMessage") from error
    if not isinstance(message, dict):
        raise _malformed("Malformed TRPCConnectionParamsMessage")
    return check_params(message.get("data", _MISSING))


def check_params(data: Any) -> Params:
    """Connection parameters are null or an object of strings."""
    if data is None:
        return None
    if isinstance(data, dict) and all(isinstance(value, str) for value in data.values()):
        return data
    raise _malformed("Invalid connection params shape")


def _parse_request(message: Any, transformer: Transformer) -> Call | Stop:
    if not isinstance(message, dict):
        raise _malformed("Not an object")
    envelope = _parse_envelope(message)
    match message.get("method"):
        case "subscription.stop":
            return Stop(envelope.id)
        case "query" | "mutation" | "subscription" as kind:
            return _parse_call(envelope, kind, message.get("params"), transformer)
    raise _malformed("Invalid procedure type")


def _parse_envelope(message: dict[str, Any]) -> Envelope:
    id = message.get("id", _MISSING)
    if id is None or isinstance(id, (bool, dict, list)):
        raise _malformed("`id` is required")
    if message.get("jsonrpc", "2.0") != "2.0":
        raise _malformed("Must be JSONRPC 2.0")
    return Envelope(None if id is _MISSING else id, id is not _MISSING, "jsonrpc" in message)


def _parse_call(envelope: Envelope, kind: Kind, params: Any, transformer: Transformer) -> Call:
    if not isinstance(params, dict):
        raise _malformed("Invalid params")
    path, last_event_id = params.get("path"), params.get("lastEventId")
    if not isinstance(path, str):
        raise _malformed("Invalid path")
    if last_event_id is not None and not isinstance(last_event_id, str):
        raise _malformed("Invalid string")
    try:
        value = transformer.decode(params.get("input"))
    except ValueError as error:
        raise _malformed(str(error)) from error
    return Call(envelope, kind, path, merge_last_event_id(value, last_event_id, transformer))


def merge_last_event_id(value: Any, last_event_id: str | None, transformer: Transformer) -> Any:
    """A resuming client's event id becomes a member of an input that can have members."""
    if not last_event_id:
        return value
    if value is transformer.undefined:
        value = {}
    return {**value, "lastEventId": last_event_id} if isinstance(value, dict) else value


def _malformed(message: str) -> TRPCError:
    return TRPCError("PARSE_ERROR", message)
