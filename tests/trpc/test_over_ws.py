"""The WebSocket session: frames in, actions out."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaingraph.trpc.codes import TRPCError
from chaingraph.trpc.messages import Call
from chaingraph.trpc.over_ws import (
    RECONNECT,
    Abort,
    Action,
    Begin,
    CloseSoon,
    Open,
    Send,
    Session,
)
from chaingraph.trpc.router import Tracked
from tests.trpc.examples import WIRE


def session(*, params_announced: bool = False) -> Session:
    return Session(WIRE, params_announced=params_announced)


def request(id: Any, path: str, method: str = "query", **members: Any) -> dict[str, Any]:
    return {"id": id, "method": method, "params": {"path": path, "input": {"json": 5}, **members}}


def frames(actions: list[Action] | list[Send]) -> list[Any]:
    return [json.loads(action.text) for action in actions if isinstance(action, Send)]


def begin(session: Session, message: Any) -> Call:
    [action] = session.receive_text(json.dumps(message))
    assert isinstance(action, Begin)
    return action.call


def error_of(actions: list[Action]) -> tuple[Any, str]:
    """The id and code of the only thing that was answered."""
    [frame] = frames(actions)
    assert len(actions) == 1
    return frame["id"], frame["error"]["json"]["data"]["code"]


def test_without_announced_params_the_caller_is_known_at_once() -> None:
    assert session().open() == [Open(None)]


@pytest.mark.parametrize("data", [None, {}, {"token": "x"}])
def test_announced_params_come_in_the_first_frame(data: Any) -> None:
    waiting = session(params_announced=True)
    assert waiting.open() == []
    text = json.dumps({"method": "connectionParams", "data": data})
    assert waiting.receive_text(text) == [Open(data)]
    assert begin(waiting, request(1, "read")).path == "read"


@pytest.mark.parametrize(
    "text",
    ["{bad", "5", '{"method":"connectionParams"}', '{"data":{"a":1}}', '{"data":[]}', "[]"],
)
def test_a_bad_first_frame_is_answered_and_ends_the_connection_later(text: str) -> None:
    waiting = session(params_announced=True)
    answer, close = waiting.receive_text(text)
    assert error_of([answer]) == (None, "PARSE_ERROR")
    assert close == CloseSoon()
    assert waiting.receive_text(json.dumps(request(1, "read"))) == []
    assert waiting.receive_binary() == []
    assert waiting.receive_text("PING") == [Send("PONG", urgent=True)]


def test_ping_is_answered_urgently_even_before_the_params_and_pong_is_ignored() -> None:
    waiting = session(params_announced=True)
    assert waiting.receive_text("PING") == [Send("PONG", urgent=True)]
    assert waiting.receive_text("PONG") == []


@pytest.mark.parametrize(
    "message",
    [
        5,
        "x",
        None,
        {},
        {"id": 1, "method": "bogus", "params": {}},
        {"id": 1, "method": "connectionParams", "data": {}},
        {"id": 1, "method": "query"},
        {"id": None, "method": "subscription.stop"},
        request(None, "read"),
        request(True, "read"),
        request([1], "read"),
        {"id": 1, "method": "query", "params": {"path": 5, "input": {"json": 5}}},
        request(1, "read", input=None),
        request(1, "watch", "subscription", lastEventId=3),
        {**request(1, "read"), "jsonrpc": "1.0"},
        [request(1, "read"), {"id": 2, "method": "bogus"}],
    ],
)
def test_a_malformed_frame_is_a_parse_error_without_id_and_nothing_of_it_runs(
    message: Any,
) -> None:
    talking = session()
    assert error_of(talking.receive_text(json.dumps(message))) == (None, "PARSE_ERROR")
    assert begin(talking, request(1, "read")).input == 5


@pytest.mark.parametrize("text", ["{bad", "", "NaN", "[" * 50_000])
def test_text_that_is_no_json_is_a_parse_error(text: str) -> None:
    assert error_of(session().receive_text(text)) == (None, "PARSE_ERROR")


def test_a_binary_frame_is_a_parse_error() -> None:
    assert error_of(session().receive_binary()) == (None, "PARSE_ERROR")


def test_an_empty_array_is_accepted_silently() -> None:
    assert session().receive_text("[]") == []


def test_all_members_of_an_array_begin_and_a_bad_path_hurts_only_itself() -> None:
    talking = session()
    message = [request(1, "read"), request(2, "nope"), request(1, "read")]
    first, refused, second = talking.receive_text(json.dumps(message))
    assert isinstance(first, Begin)
    assert isinstance(second, Begin)
    assert first.call != second.call
    [frame] = frames([refused])
    assert frame["id"] == 2
    assert frame["error"]["json"] == {
        "message": 'No "query"-procedure on path "nope"',
        "code": -32004,
        "data": {"code": "NOT_FOUND", "httpStatus": 404, "path": "nope"},
    }


def test_the_method_must_be_the_kind_of_the_procedure() -> None:
    refused = session().receive_text(json.dumps(request(1, "write", "query")))
    assert error_of(refused) == (1, "NOT_FOUND")


@pytest.mark.parametrize("id", [1, 1.5, "1", ""])
def test_an_answer_repeats_the_id_with_its_type_and_jsonrpc(id: Any) -> None:
    talking = session()
    call = begin(talking, {**request(id, "read"), "jsonrpc": "2.0"})
    assert frames(talking.answered(call, "v")) == [
        {"id": id, "jsonrpc": "2.0", "result": {"type": "data", "data": {"json": "v"}}}
    ]


def test_a_request_without_id_is_answered_without_id() -> None:
    talking = session()
    message = request(1, "read")
    del message["id"]
    call = begin(talking, message)
    assert frames(talking.answered(call, 1)) == [{"result": {"type": "data", "data": {"json": 1}}}]


def test_a_failing_call_is_answered_with_its_path_and_the_servers_own_members() -> None:
    talking = session()
    call = begin(talking, request(1, "read"))
    [frame] = frames(talking.failed(call, KeyError("secret")))
    assert frame["error"]["json"] == {
        "message": "hidden",
        "code": -32603,
        "data": {"code": "INTERNAL_SERVER_ERROR", "httpStatus": 500, "path": "read", "extra": 1},
    }


def watch(talking: Session, id: Any = 1) -> Call:
    return begin(talking, request(id, "watch", "subscription"))


def types(sends: list[Send]) -> list[str]:
    return [frame["result"]["type"] if "result" in frame else "error" for frame in frames(sends)]


def test_a_subscription_is_started_gives_data_and_is_stopped() -> None:
    talking = session()
    call = watch(talking)
    sent = talking.started(call) + talking.data(call, 1) + talking.ended(call)
    assert types(sent) == ["started", "data", "stopped"]
    assert talking.ended(call) == []


def test_a_tracked_value_goes_out_under_its_id() -> None:
    talking = session()
    call = watch(talking)
    [frame] = frames(talking.data(call, Tracked("c1", [1])))
    data = {"json": {"id": "c1", "data": [1]}}
    assert frame == {"id": 1, "result": {"type": "data", "id": "c1", "data": data}}


def test_a_subscription_that_fails_before_it_began_gets_only_the_error() -> None:
    talking = session()
    call = watch(talking)
    assert types(talking.failed(call, TRPCError("NOT_FOUND", "x"))) == ["error"]
    watch(talking)


def test_a_subscription_that_fails_later_gets_the_error_and_is_stopped() -> None:
    talking = session()
    call = watch(talking)
    talking.started(call)
    assert types(talking.failed(call, KeyError(), started=True)) == ["error", "stopped"]


def test_a_stopped_subscription_sends_nothing_after_its_one_stopped() -> None:
    talking = session()
    call = watch(talking)
    abort, *rest = talking.receive_text('{"id":1,"method":"subscription.stop"}')
    assert abort == Abort(call)
    assert frames(rest) == [{"id": 1, "result": {"type": "stopped"}}]
    assert talking.started(call) == []
    assert talking.data(call, 1) == []
    assert talking.failed(call, KeyError(), started=True) == []
    assert talking.failed(call, KeyError()) == []
    assert talking.receive_text('{"id":1,"method":"subscription.stop"}') == []


def test_an_id_may_be_used_again_and_the_old_call_stays_silent() -> None:
    talking = session()
    old = watch(talking)
    talking.receive_text('{"id":1,"method":"subscription.stop"}')
    new = watch(talking)
    assert talking.data(old, 1) == []
    assert types(talking.data(new, 1)) == ["data"]


def test_a_second_subscription_under_a_live_id_is_refused_and_the_first_goes_on() -> None:
    talking = session()
    first = watch(talking)
    again = json.dumps(request(1, "watch", "subscription"))
    assert error_of(talking.receive_text(again)) == (1, "BAD_REQUEST")
    assert types(talking.data(first, 1)) == ["data"]
    watch(talking, "1")


@pytest.mark.parametrize(
    ("value", "merged"),
    [
        ({"json": {"a": 1}}, {"a": 1, "lastEventId": "7"}),
        ({}, {"lastEventId": "7"}),
        ({"json": 5}, 5),
        ({"json": [5]}, [5]),
    ],
)
def test_the_last_event_id_joins_an_input_that_can_have_members(value: Any, merged: Any) -> None:
    talking = session()
    message = request(1, "watch", "subscription", input=value, lastEventId="7")
    assert begin(talking, message).input == merged


def test_an_empty_last_event_id_on_a_socket_is_none() -> None:
    message = request(1, "watch", "subscription", input={"json": {}}, lastEventId="")
    assert begin(session(), message).input == {}


@pytest.mark.parametrize("id", [2**70, "\ud800"])
def test_what_was_prepared_goes_out_under_any_id(id: Any) -> None:
    talking = session()
    call = watch(talking, id)
    [sent] = talking.data(call, orjson.Fragment(b'{"a":1}'))
    assert json.loads(sent.text)["id"] == id
    assert json.loads(sent.text)["result"]["data"] == {"json": {"a": 1}}


def test_the_reconnect_notice_has_a_null_id() -> None:
    assert json.loads(RECONNECT) == {"id": None, "method": "reconnect"}


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_no_frame_breaks_the_session(text: str) -> None:
    talking = session()
    talking.receive_text(text)
    begin(talking, request(1, "read"))
