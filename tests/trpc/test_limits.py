"""What one client may ask for: the words it is refused with, and that nothing else suffers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chaingraph.trpc import over_http
from chaingraph.trpc.codes import TRPCError
from chaingraph.trpc.limits import Limits
from chaingraph.trpc.messages import Call
from chaingraph.trpc.over_http import HttpCalls, HttpRequest
from chaingraph.trpc.over_ws import Action, Begin, CloseSoon, Large, Send, Session
from tests.trpc.examples import WIRE

LIMITS = Limits(body=10, url_input=20, batch=2, message=400, requests=3, subscriptions=2, calls=2)
JSON = {"content-type": "application/json"}


def session() -> Session:
    return Session(WIRE, params_announced=False, limits=LIMITS)


def request(id: Any, method: str = "query") -> dict[str, Any]:
    path = {"query": "read", "mutation": "write", "subscription": "watch"}[method]
    return {"id": id, "method": method, "params": {"path": path, "input": {"json": 5}}}


def receive(talking: Session, *messages: Any) -> list[Action]:
    [message] = messages if len(messages) == 1 else [list(messages)]
    return talking.receive_text(json.dumps(message))


def begin(talking: Session, message: Any) -> Call:
    [action] = receive(talking, message)
    assert isinstance(action, Begin)
    return action.call


def refusal(actions: list[Action]) -> tuple[Any, str, str]:
    """The id, code and message of the one error."""
    [action] = actions
    assert isinstance(action, Send)
    frame = json.loads(action.text)
    shape = frame["error"]["json"]
    return frame["id"], shape["data"]["code"], shape["message"]


def test_a_subscription_too_many_is_refused_until_another_one_ends() -> None:
    talking = session()
    first, second = (begin(talking, request(id, "subscription")) for id in (1, 2))
    id, code, message = refusal(receive(talking, request(3, "subscription")))
    assert (id, code) == (3, "TOO_MANY_REQUESTS")
    assert "2 live subscriptions" in message
    talking.ended(first)
    assert begin(talking, request(3, "subscription"))
    receive(talking, {"id": 3, "method": "subscription.stop"})
    talking.failed(second, KeyError())
    assert begin(talking, request(4, "subscription"))
    assert begin(talking, request(5, "subscription"))


def test_a_refused_subscription_leaves_the_id_free() -> None:
    talking = session()
    first, _ = (begin(talking, request(id, "subscription")) for id in (1, 2))
    receive(talking, request(3, "subscription"))
    talking.ended(first)
    assert begin(talking, request(3, "subscription"))


def test_a_call_too_many_is_refused_until_another_one_is_answered() -> None:
    talking = session()
    first, second = begin(talking, request(1)), begin(talking, request(2, "mutation"))
    id, code, message = refusal(receive(talking, request(3)))
    assert (id, code) == (3, "TOO_MANY_REQUESTS")
    assert "2 unanswered calls" in message
    assert begin(talking, request(3, "subscription"))
    talking.answered(first, 1)
    talking.failed(second, KeyError())
    assert begin(talking, request(4))
    assert begin(talking, request(5))


def test_an_answer_that_cannot_be_written_counts_once_it_has_failed() -> None:
    talking = session()
    call = begin(talking, request(1))
    begin(talking, request(2))
    with pytest.raises(ValueError, match="unwritable"):
        talking.answered(call, ...)
    talking.failed(call, ValueError())
    assert begin(talking, request(3))


def test_the_members_of_an_array_are_refused_one_by_one() -> None:
    talking = session()
    first, second, third = receive(talking, request(1), request(2), request(3))
    assert isinstance(first, Begin)
    assert isinstance(second, Begin)
    assert refusal([third])[:2] == (3, "TOO_MANY_REQUESTS")


def test_of_an_array_too_long_nothing_runs() -> None:
    talking = session()
    id, code, message = refusal(receive(talking, *({} for _ in range(4))))
    assert (id, code) == (None, "BAD_REQUEST")
    assert message == "A message holds at most 3 requests, not 4"
    assert begin(talking, request(1))


@pytest.mark.parametrize("announced", [False, True])
def test_a_message_too_large_ends_the_connection_with_1009(announced: bool) -> None:
    talking = Session(WIRE, params_announced=announced, limits=LIMITS)
    assert talking.receive_text(" " * 401) == [CloseSoon(1009)]
    assert receive(talking, request(1)) == []
    assert talking.receive_text("PING") == [Send("PONG", urgent=True)]


def test_a_message_of_just_the_limit_is_taken() -> None:
    [action] = session().receive_text(json.dumps(request(1)).ljust(400))
    assert isinstance(action, Begin)


def large(message: Any) -> str:
    return json.dumps(message).ljust(201)


def wary(*, announced: bool = False) -> Session:
    """It reads 200 characters of a stranger."""
    return Session(WIRE, params_announced=announced, limits=Limits(stranger=200))


def test_a_large_message_is_read_only_when_the_driver_says_so() -> None:
    talking = wary()
    text = large([request(1), request(2)])
    assert talking.receive_text(text) == [Large(text)]
    first, second = talking.take(talking.read(text))
    assert isinstance(first, Begin)
    assert isinstance(second, Begin)


def test_a_message_that_is_not_large_is_read_at_once() -> None:
    [action] = wary().receive_text(json.dumps(request(1)).ljust(200))
    assert isinstance(action, Begin)


def test_of_a_strangers_large_message_nothing_runs_and_the_connection_goes_on() -> None:
    talking = wary()
    talking.receive_text(large(request(1)))
    id, code, message = refusal(talking.refuse_stranger())
    assert (id, code) == (None, "UNAUTHORIZED")
    assert message == "Of an unknown caller no more than 200 characters are read"
    assert begin(talking, request(1))


def test_a_large_message_that_is_malformed_is_a_parse_error() -> None:
    talking = wary()
    with pytest.raises(TRPCError) as raised:
        talking.read(large([request(1), {"id": 2, "method": "bogus"}]))
    assert refusal(talking.refuse(raised.value))[:2] == (None, "PARSE_ERROR")


def test_whoever_says_too_much_to_introduce_himself_is_a_stranger() -> None:
    talking = wary(announced=True)
    refused, close = talking.receive_text(large({"data": {}}))
    assert refusal([refused])[:2] == (None, "UNAUTHORIZED")
    assert close == CloseSoon()
    assert receive(talking, request(1)) == []


def read(method: str, path: str, query: str = "", body: bytes | None = b"") -> HttpCalls:
    headers = JSON if method == "POST" else {}
    return over_http.read_request(HttpRequest(method, path, query, headers, body), WIRE, LIMITS)


def problems(calls: HttpCalls) -> list[tuple[str, str]]:
    return [problem(call) for call in calls.calls]


def problem(call: over_http.HttpCall) -> tuple[str, str]:
    with pytest.raises(TRPCError) as raised:
        call.read_input()
    return raised.value.code, str(raised.value)


def test_a_body_too_large_fails_each_call_that_reads_it() -> None:
    said = ("PAYLOAD_TOO_LARGE", "The body has more than 10 bytes")
    assert problems(read("POST", "write,write", "batch=1", None)) == [said, said]


def test_an_input_too_long_for_a_url_fails_each_call_that_reads_it() -> None:
    said = ("PAYLOAD_TOO_LARGE", "The input in the URL has more than 20 characters")
    assert problems(read("GET", "read", "input=" + "%20" * 21)) == [said]
    [call] = read("GET", "read", "input=" + '{"json":5}'.ljust(20)).calls
    assert call.read_input() == 5


def test_a_batch_too_long_is_refused_as_a_whole() -> None:
    with pytest.raises(TRPCError, match="maximum size") as raised:
        read("GET", "read,read,read", "batch=1")
    assert raised.value.code == "BAD_REQUEST"
    assert len(read("GET", "read,read", "batch=1").calls) == 2


def test_a_client_that_comes_back_may_send_all_it_had_in_one_message() -> None:
    limits = Limits()
    assert limits.requests >= limits.subscriptions + limits.calls
