"""A tRPC WebSocket connection without the socket.

The driver feeds what arrives to `receive_text` or `receive_binary` and does what the returned
actions say, in order. It runs each begun call in its own task and reports how it goes to
`started`, `data`, `answered`, `failed` and `ended`; what those return it sends. A large message
it first has read, as `Large` tells.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from chaingraph.trpc.codes import TRPCError
from chaingraph.trpc.limits import DEFAULT_LIMITS, Limits
from chaingraph.trpc.messages import (
    NOBODY,
    Call,
    Envelope,
    Params,
    Stop,
    parse_frame,
    parse_params,
)
from chaingraph.trpc.router import Procedure, Tracked
from chaingraph.trpc.transformer import write_json
from chaingraph.trpc.wire import Wire

PING, PONG = "PING", "PONG"
RECONNECT = write_json({"id": None, "method": "reconnect"})
"""The notice that a client shall come back; close the socket right behind it."""


@dataclass(frozen=True, slots=True)
class Open:
    """The caller can be known now: these are the connection parameters."""

    params: Params


@dataclass(frozen=True, slots=True)
class Send:
    text: str
    urgent: bool = False
    """Ahead of everything that waits: a client's pong timer is not stopped by data."""


@dataclass(frozen=True, slots=True)
class Begin:
    call: Call
    procedure: Procedure


@dataclass(frozen=True, slots=True)
class Abort:
    """End the task of this subscription; nothing it still reports will be sent."""

    call: Call


@dataclass(frozen=True, slots=True)
class CloseSoon:
    """Close, but not at once: a client whose socket opened fine comes back without delay."""

    code: int = 1000


@dataclass(frozen=True, slots=True)
class Large:
    """A message for which it matters who sends it, and where it is read.

    Do with what `read` gives of it what `take` says, if the caller is known, and else what
    `refuse_stranger` says; what comes after it, but for PING and PONG, waits for that.
    """

    text: str


Action: TypeAlias = Open | Send | Begin | Abort | CloseSoon | Large


class Session:
    """What one connection knows: whether it may begin, and what runs for it."""

    def __init__(
        self, wire: Wire, *, params_announced: bool, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        self._wire = wire
        self._limits = limits
        self._params_awaited = params_announced
        self._refused = False
        self._live: dict[tuple[type, Any], Call] = {}
        self._unanswered: set[Call] = set()

    def open(self) -> list[Action]:
        """Call this first, once."""
        return [] if self._params_awaited else [Open(None)]

    def receive_text(self, text: str) -> list[Action]:
        if text == PONG:
            return []
        if text == PING:
            return [Send(PONG, urgent=True)]
        if self._refused:
            return []
        if len(text) > self._limits.message:
            self._refused = True
            return [CloseSoon(1009)]
        if self._params_awaited:
            return self._receive_params(text)
        if len(text) > self._limits.stranger:
            return [Large(text)]
        try:
            return self.take(self.read(text))
        except TRPCError as error:
            return self.refuse(error)

    def read(self, text: str) -> list[Call | Stop]:
        """The requests of a message; may be called in any thread. Raises TRPCError."""
        return parse_frame(text, self._wire.transformer, self._limits)

    def take(self, requests: Iterable[Call | Stop]) -> list[Action]:
        return [action for request in requests for action in self._take(request)]

    def refuse(self, error: BaseException) -> list[Action]:
        """Nothing of a message runs."""
        return [self._error(NOBODY, None, error)]

    def refuse_stranger(self) -> list[Action]:
        """The sender of a Large message is not known."""
        problem = f"Of an unknown caller no more than {self._limits.stranger} characters are read"
        return self.refuse(TRPCError("UNAUTHORIZED", problem))

    def receive_binary(self) -> list[Action]:
        if self._refused:
            return []
        problem = "Binary data received; JSON uses text frames"
        return self.refuse(TRPCError("PARSE_ERROR", problem))

    def started(self, call: Call) -> list[Send]:
        """The subscription's iterator exists; say so before its first value."""
        return self._result(call, {"type": "started"})

    def data(self, call: Call, value: Any) -> list[Send]:
        """A value of a subscription, maybe Tracked. Nothing is sent once it was stopped."""
        if not self._is_live(call):
            return []
        result: dict[str, Any] = {"type": "data"}
        if isinstance(value, Tracked):
            result["id"] = value.id
            value = {"id": value.id, "data": value.value}
        return self._result(call, {**result, "data": self._wire.transformer.encode(value)})

    def answered(self, call: Call, value: Any) -> list[Send]:
        """The result of a query or mutation."""
        result = {"type": "data", "data": self._wire.transformer.encode(value)}
        text = write_json(call.envelope.frame(result=result))
        self._unanswered.discard(call)
        return [Send(text)]

    def failed(self, call: Call, error: BaseException, *, started: bool = False) -> list[Send]:
        """The call ended with an exception; a subscription that had begun is also stopped."""
        if call.kind == "subscription" and not self._is_live(call):
            return []
        report = self._error(call.envelope, call.path, error)
        if started:
            return [report, *self.ended(call)]
        self._forget(call)
        return [report]

    def ended(self, call: Call) -> list[Send]:
        """The subscription is over: this completes the client."""
        sends = self._result(call, {"type": "stopped"})
        self._forget(call)
        return sends

    def _receive_params(self, text: str) -> list[Action]:
        if len(text) > self._limits.stranger:
            self._refused = True
            return [*self.refuse_stranger(), CloseSoon()]
        try:
            params = parse_params(text)
        except TRPCError as error:
            self._refused = True
            return [*self.refuse(error), CloseSoon()]
        self._params_awaited = False
        return [Open(params)]

    def _take(self, request: Call | Stop) -> list[Action]:
        if isinstance(request, Stop):
            call = self._live.get(_key(request.id))
            return [] if call is None else [Abort(call), *self.ended(call)]
        try:
            return [self._begin(request)]
        except TRPCError as error:
            return [self._error(request.envelope, request.path, error)]

    def _begin(self, call: Call) -> Begin:
        procedure = self._wire.router.get(call.path)
        if procedure is None or procedure.kind != call.kind:
            raise TRPCError("NOT_FOUND", f'No "{call.kind}"-procedure on path "{call.path}"')
        if call.kind == "subscription":
            key = _key(call.envelope.id)
            if key in self._live:
                raise TRPCError("BAD_REQUEST", f"Duplicate id {call.envelope.id}")
            _check_room("live subscriptions", len(self._live), self._limits.subscriptions)
            self._live[key] = call
        else:
            _check_room("unanswered calls", len(self._unanswered), self._limits.calls)
            self._unanswered.add(call)
        return Begin(call, procedure)

    def _result(self, call: Call, result: dict[str, Any]) -> list[Send]:
        if not self._is_live(call):
            return []
        return [Send(write_json(call.envelope.frame(result=result)))]

    def _error(self, envelope: Envelope, path: str | None, error: BaseException) -> Send:
        shape = self._wire.describe(error).shape(path)
        return Send(write_json(envelope.frame(error=self._wire.transformer.encode(shape))))

    def _is_live(self, call: Call) -> bool:
        return self._live.get(_key(call.envelope.id)) is call

    def _forget(self, call: Call) -> None:
        self._unanswered.discard(call)
        if self._is_live(call):
            del self._live[_key(call.envelope.id)]


def _check_room(what: str, used: int, limit: int) -> None:
    if used >= limit:
        problem = f"This connection has {limit} {what}, the most that one may have"
        raise TRPCError("TOO_MANY_REQUESTS", problem)


def _key(id: Any) -> tuple[type, Any]:
    """1 and "1" are two ids; 1 and 1.0 are one, as they are to the client."""
    return (str, id) if isinstance(id, str) else (float, id)
