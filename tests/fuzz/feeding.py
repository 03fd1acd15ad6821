"""What strangers can send, as bytes, and where it goes. Each of these lets only a bug out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from chaingraph import superjson
from chaingraph.superjson import SuperjsonError
from chaingraph.trpc import over_http, over_lines, over_sse
from chaingraph.trpc.codes import TRPCError
from chaingraph.trpc.limits import Limits
from chaingraph.trpc.messages import Call
from chaingraph.trpc.over_http import HttpCall, HttpRequest, Outcome, Success
from chaingraph.trpc.over_sse import EventReader
from chaingraph.trpc.over_ws import PONG, Action, Begin, Send, Session
from chaingraph.trpc.transformer import Transformer, read_json
from chaingraph.trpc.wire import Wire
from tests.fuzz.values import KNOWN, canonical
from tests.trpc import examples

SUPERJSON = Transformer(superjson.encode, superjson.decode, superjson.UNDEFINED)
WIRE = Wire(examples.WIRE.router, SUPERJSON, examples.describe)
LIMITS = Limits(requests=20, subscriptions=5, calls=5, batch=5, message=2000, url_input=500)


def feed_superjson(data: bytes) -> None:
    """What is read can be written, and reads the same from then on."""
    with suppress(SuperjsonError):
        value = superjson.loads(data, **KNOWN)
        passed_on = superjson.loads(superjson.dumps(value), **KNOWN)
        once_more = superjson.loads(superjson.dumps(passed_on), **KNOWN)
        assert canonical(once_more) == canonical(passed_on)


def feed_session(data: bytes) -> None:
    """Each line is a text frame. Whatever begins also gives a value and ends."""
    for announced in (False, True):
        session = Session(WIRE, params_announced=announced, limits=LIMITS)
        for line in data.split(b"\n"):
            for action in session.receive_text(line.decode("utf-8", "replace")):
                _serve(session, action)
        session.receive_binary()


def _serve(session: Session, action: Action) -> None:
    match action:
        case Send(text):
            assert text == PONG or isinstance(json.loads(text), dict)
        case Begin(call):
            for sent in _answers(session, call):
                assert isinstance(json.loads(sent.text), dict)


def _answers(session: Session, call: Call) -> list[Send]:
    try:
        if call.kind != "subscription":
            return session.answered(call, call.input)
        return [
            *session.started(call),
            *session.data(call, call.input),
            *session.ended(call),
        ]
    except SuperjsonError as error:
        return session.failed(call, error)


def feed_request(data: bytes) -> None:
    """A line of method, path and query, lines of headers, an empty line, the body."""
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.decode("utf-8", "replace").split("\n")
    method, path, query, *_ = [*first.split(" "), "", "", ""]
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    try:
        request = HttpRequest(method, path, query, headers, body)
        calls = over_http.read_request(request, WIRE, LIMITS)
    except TRPCError as error:
        assert over_http.refusal(error, WIRE).status >= 400
        return
    answers = [_answer(call) for call in calls.calls]
    assert json.loads(over_http.response(calls, answers).body)


def _answer(call: HttpCall) -> over_http.Answer:
    outcome = _outcome(call)
    try:
        over_lines.fulfilment(0, call, outcome, WIRE)
        return over_http.answer(call, outcome, WIRE)
    except SuperjsonError as error:
        return over_http.answer(call, error, WIRE)


def _outcome(call: HttpCall) -> Outcome:
    try:
        return Success(call.read_input())
    except TRPCError as error:
        over_sse.error_event(error, call.path, WIRE)
        return error


def feed_events(data: bytes) -> None:
    """A stream gives the same events wherever it is cut, and no end of it breaks the reader."""
    whole, cut = EventReader(), EventReader()
    events = list(whole.feed(data))
    assert events == [event for at in range(len(data)) for event in cut.feed(data[at : at + 1])]
    for event in events:
        with suppress(ValueError):
            superjson.decode(read_json(event.data))


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "superjson": feed_superjson,
    "session": feed_session,
    "request": feed_request,
    "events": feed_events,
}
