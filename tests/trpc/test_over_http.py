"""tRPC over HTTP: how requests are read and responses composed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from chaingraph.trpc import over_http, over_lines, over_sse
from chaingraph.trpc.codes import CODES, TRPCError
from chaingraph.trpc.limits import Limits
from chaingraph.trpc.over_http import HttpCalls, HttpRequest, Success
from chaingraph.trpc.router import Procedure, Tracked
from tests.trpc.examples import UNDEFINED, WIRE

JSON = {"content-type": "application/json; charset=utf-8"}
LIMITS = Limits(batch=3, url_input=100)


def get(path: str, query: str = "", headers: Mapping[str, str] | None = None) -> HttpCalls:
    request = HttpRequest("GET", path, query, headers or {})
    return over_http.read_request(request, WIRE, LIMITS)


def post(path: str, body: bytes | None, query: str = "") -> HttpCalls:
    return over_http.read_request(HttpRequest("POST", path, query, JSON, body), WIRE, LIMITS)


def with_input(value: Any) -> str:
    return f"input={quote(json.dumps(value))}"


def inputs(calls: HttpCalls) -> list[Any]:
    return [call.read_input() for call in calls.calls]


def refusals(calls: HttpCalls) -> list[str]:
    return [call.target.code for call in calls.calls if isinstance(call.target, TRPCError)]


def test_a_query_takes_its_input_from_the_url_and_a_mutation_from_the_body() -> None:
    assert inputs(get("read", with_input({"json": 5}))) == [5]
    assert inputs(post("write", b'{"json":6}')) == [6]


def test_a_missing_input_is_undefined() -> None:
    assert inputs(get("read")) == [UNDEFINED]
    calls = get("read,read", "batch=1&" + with_input({"1": {"json": 2}}))
    assert inputs(calls) == [UNDEFINED, 2]


def test_only_batch_equal_to_one_makes_a_batch() -> None:
    assert get("read", "batch=true").is_batch is False
    assert get("read", "batch=1").is_batch is True
    assert refusals(get("read,read")) == ["NOT_FOUND"]


@pytest.mark.parametrize("path", ["nope", "", "read/", "constructor", "__proto__"])
def test_an_unknown_path_is_refused_for_that_call_alone(path: str) -> None:
    calls = get(f"{path},read", "batch=1")
    assert refusals(calls) == ["NOT_FOUND"]
    assert isinstance(calls.calls[1].target, Procedure)


def test_a_method_that_does_not_fit_is_refused() -> None:
    assert refusals(get("write")) == ["METHOD_NOT_SUPPORTED"]
    assert refusals(post("read", b"")) == ["METHOD_NOT_SUPPORTED"]
    assert refusals(get("watch", "batch=1")) == ["BAD_REQUEST"]


@pytest.mark.parametrize("body", [b"{bad", b"", b"null", b"NaN", b"[" * 100_000, b'"\xff"'])
def test_a_broken_body_fails_when_it_is_read(body: bytes) -> None:
    [call] = post("write", body).calls
    with pytest.raises(TRPCError) as raised:
        call.read_input()
    assert raised.value.code == "BAD_REQUEST"


def test_a_batch_body_must_be_an_object() -> None:
    [call] = post("write", b'[{"json":1}]', "batch=1").calls
    with pytest.raises(TRPCError, match="needs to be an object"):
        call.read_input()


def test_a_body_over_the_limit_fails_each_call() -> None:
    [call] = post("write", None).calls
    with pytest.raises(TRPCError) as raised:
        call.read_input()
    assert raised.value.code == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (HttpRequest("GET", "read,read,read,read", "batch=1", {}), "BAD_REQUEST"),
        (HttpRequest("GET", "read,write", "batch=1", {}), "BAD_REQUEST"),
        (HttpRequest("POST", "write", "", {}, b""), "UNSUPPORTED_MEDIA_TYPE"),
        (
            HttpRequest("POST", "write", "", {"content-type": "text/plain"}),
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (HttpRequest("GET", "read", "", {"trpc-accept": "application/jsonl"}), "BAD_REQUEST"),
        (HttpRequest("GET", "read", "connectionParams={bad", {}), "PARSE_ERROR"),
        (HttpRequest("GET", "read", 'connectionParams={"a":1}', {}), "PARSE_ERROR"),
    ],
)
def test_what_concerns_the_whole_request_is_answered_by_one_object(
    request_: HttpRequest, code: str
) -> None:
    with pytest.raises(TRPCError) as raised:
        over_http.read_request(request_, WIRE, LIMITS)
    assert raised.value.code == code
    response = over_http.refusal(raised.value, WIRE)
    assert response.status == CODES[code].status
    data = json.loads(response.body)["error"]["json"]["data"]
    assert data == {"code": code, "httpStatus": response.status}


def test_connection_params_are_read_from_the_url() -> None:
    assert get("read", 'connectionParams={"token":"x"}').params == {"token": "x"}
    assert get("read").params is None


def test_a_lone_subscription_is_recognised() -> None:
    assert get("watch").subscription is WIRE.router["watch"]
    assert get("read").subscription is None
    assert get("nope").subscription is None
    assert get("watch", "batch=1").subscription is None


def test_a_subscription_is_one_by_any_method_so_that_its_refusal_is_an_event() -> None:
    calls = post("watch", b"")
    assert calls.subscription is WIRE.router["watch"]
    assert refusals(calls) == ["METHOD_NOT_SUPPORTED"]


def test_the_inputs_of_a_batch_are_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str | bytes] = []

    def read_json(text: str | bytes) -> Any:
        parsed.append(text)
        return {}

    monkeypatch.setattr(over_http, "read_json", read_json)
    calls = post("write,write,write", b"{}", "batch=1")
    assert parsed == []
    assert inputs(calls) == [UNDEFINED] * 3
    assert parsed == [b"{}"]


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"last-event-id": "7"}, "lastEventId=8"),
        ({}, "lastEventId=7&Last-Event-Id=8"),
        ({}, "Last-Event-Id=7"),
        ({"last-event-id": ""}, "lastEventId=7"),
    ],
)
def test_the_last_event_id_comes_from_header_or_url(headers: dict[str, str], query: str) -> None:
    calls = get("watch", f"{query}&{with_input({'json': {'a': 1}})}", headers)
    assert inputs(calls) == [{"a": 1, "lastEventId": "7"}]


def test_an_empty_last_event_id_is_none() -> None:
    assert inputs(get("watch", "lastEventId=&Last-Event-Id=")) == [UNDEFINED]


def respond(calls: HttpCalls, *outcomes: over_http.Outcome) -> tuple[int, Any]:
    pairs = zip(calls.calls, outcomes, strict=True)
    answers = [over_http.answer(call, outcome, WIRE) for call, outcome in pairs]
    response = over_http.response(calls, answers)
    assert response.headers["content-type"] == "application/json"
    return response.status, json.loads(response.body)


def test_a_single_result_is_an_object_and_a_batch_of_one_an_array() -> None:
    ok = {"result": {"data": {"json": 5}}}
    assert respond(get("read"), Success(5)) == (200, ok)
    assert respond(get("read", "batch=1"), Success(5)) == (200, [ok])


def test_a_batch_has_the_status_of_its_members_or_207() -> None:
    calls = get("read,read", "batch=1")
    missing = TRPCError("NOT_FOUND", "x")
    assert respond(calls, missing, missing)[0] == 404
    status, contents = respond(calls, Success(1), missing)
    assert status == 207
    assert contents[1]["error"]["json"]["data"] == {
        "code": "NOT_FOUND",
        "httpStatus": 404,
        "path": "read",
    }


def test_lines_are_promised_in_the_head_and_fulfilled_one_by_one() -> None:
    calls = get("read,read", "batch=1", {"accept": "application/jsonl"})
    assert calls.is_stream
    assert over_lines.head(2, WIRE) == b'{"json":{"0":[[0],[null,0,0]],"1":[[0],[null,0,1]]}}\n'
    line = over_lines.fulfilment(1, calls.calls[1], Success("v"), WIRE)
    assert line == b'{"json":[1,0,[[{"result":{"data":"v"}}]]]}\n'
    failed = json.loads(over_lines.fulfilment(0, calls.calls[0], TRPCError("CONFLICT", "x"), WIRE))
    assert failed["json"][2][0][0]["error"]["code"] == -32009


def test_events_of_a_stream_have_a_data_line_even_when_it_is_empty() -> None:
    assert over_sse.connected() == b"event: connected\ndata: {}\n\n"
    told = b'event: connected\ndata: {"reconnectAfterInactivityMs":45000}\n\n'
    assert over_sse.connected(45) == told
    assert over_sse.RETURN == b"event: return\ndata: \n\n"
    assert over_sse.PING == b"event: ping\ndata: \n\n"
    assert over_sse.data_event("a\nb", WIRE) == b'data: {"json":"a\\nb"}\n\n'
    tracked = over_sse.data_event(Tracked("c1", 5), WIRE)
    assert tracked == b'id: c1\ndata: {"json":5}\n\n'
    event = over_sse.error_event(TRPCError("NOT_FOUND", "x"), "watch", WIRE)
    assert event.startswith(b'event: serialized-error\ndata: {"json":{"message":"x"')


def test_queries_may_be_posted_where_that_is_allowed_and_mutations_are_never_fetched() -> None:
    wire = replace(WIRE, method_override=True)
    headers = {"content-type": "application/json"}
    posted = HttpRequest("POST", "read", "", headers, b'{"json": 1}')
    (call,) = over_http.read_request(posted, wire).calls
    assert isinstance(call.target, Procedure) and call.read_input() == 1
    (fetched,) = over_http.read_request(HttpRequest("GET", "write", "", {}), wire).calls
    assert isinstance(fetched.target, TRPCError)
    assert fetched.target.code == "METHOD_NOT_SUPPORTED"
