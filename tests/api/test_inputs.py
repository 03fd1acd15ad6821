"""What callers may send, and how refusals look."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from math import inf, nan
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from chaingraph.api import inputs
from chaingraph.api.failures import describe
from chaingraph.superjson import UNDEFINED

ID = {"executionId": "EX"}
FLOW = {"flowId": "V2"}


def refused(model: type[BaseModel], given: Any) -> dict[str, Any]:
    with pytest.raises(ValidationError) as raised:
        model.model_validate(given)
    failure = describe(raised.value)
    assert failure.code == "BAD_REQUEST"
    assert all(issue.keys() == {"code", "path", "message"} for issue in json.loads(failure.message))
    errors: dict[str, Any] = failure.data["zodError"]
    return errors


@pytest.mark.parametrize(
    ("model", "given", "field"),
    [
        (inputs.Create, {}, "flowId"),
        (inputs.Create, {"flowId": 5}, "flowId"),
        (inputs.Create, {"flow_id": "V2"}, "flowId"),
        (inputs.Create, {**FLOW, "options": None}, "options"),
        (inputs.Create, {**FLOW, "options": {"debug": "yes"}}, "options"),
        (inputs.Create, {**FLOW, "options": {"debug": 1}}, "options"),
        (inputs.Create, {**FLOW, "options": {"execution": {"maxConcurrency": "3"}}}, "options"),
        (inputs.Create, {**FLOW, "options": {"execution": {"maxConcurrency": True}}}, "options"),
        (inputs.Create, {**FLOW, "events": [{"payload": 1}]}, "events"),
        (inputs.Create, {**FLOW, "events": None}, "events"),
        (inputs.Create, {**FLOW, "integration": {"external": 5}}, "integration"),
        (inputs.Create, {**FLOW, "integration": []}, "integration"),
        (inputs.Create, {**FLOW, "idempotencyKey": 5}, "idempotencyKey"),
        (inputs.Stop, {**ID, "reason": None}, "reason"),
        (inputs.Create, {**FLOW, "options": {"breakpoints": [5]}}, "options"),
        (inputs.Create, {**FLOW, "options": {"execution": {"childFailure": "x"}}}, "options"),
        (inputs.Pause, {**ID, "tree": None}, "tree"),
        (inputs.Pause, {**ID, "now": 1}, "now"),
        (inputs.SetBreakpoints, ID, "breakpoints"),
        (inputs.SetBreakpoints, {**ID, "breakpoints": "a"}, "breakpoints"),
        (inputs.SetBreakpoints, {**ID, "breakpoints": [{"nodeId": None}]}, "breakpoints"),
        (inputs.SendSignal, ID, "name"),
        (inputs.SendSignal, {**ID, "name": 5}, "name"),
        (inputs.Fork, {**ID, "nodes": "a"}, "nodes"),
        (inputs.Fork, {**ID, "inputs": []}, "inputs"),
        (inputs.Retry, {**ID, "start": None}, "start"),
        (inputs.SubscribeToTree, {**ID, "cursor": 5}, "cursor"),
        (inputs.Roots, {**FLOW, "limit": 0}, "limit"),
        (inputs.Roots, {**FLOW, "limit": 101}, "limit"),
        (inputs.Roots, {**FLOW, "limit": nan}, "limit"),
        (inputs.Roots, {**FLOW, "limit": inf}, "limit"),
        (inputs.Roots, {**FLOW, "limit": None}, "limit"),
        (inputs.Subscribe, {**ID, "fromIndex": 10**400}, "fromIndex"),
        (inputs.Roots, {**FLOW, "after": "2020-01-01T00:00:00.000Z"}, "after"),
        (inputs.Roots, {**FLOW, "after": None}, "after"),
        (inputs.Subscribe, {**ID, "batchSize": 0}, "batchSize"),
        (inputs.Subscribe, {**ID, "batchSize": 1001}, "batchSize"),
        (inputs.Subscribe, {**ID, "batchTimeoutMs": -1}, "batchTimeoutMs"),
        (inputs.Subscribe, {**ID, "eventTypes": "flow:started"}, "eventTypes"),
        (inputs.Subscribe, {**ID, "view": "tiny"}, "view"),
        (inputs.Subscribe, {"executionId": None}, "executionId"),
    ],
)
def test_nothing_is_converted_and_null_is_not_absent(
    model: type[BaseModel], given: Any, field: str
) -> None:
    errors = refused(model, given)
    assert errors["formErrors"] == []
    assert list(errors["fieldErrors"]) == [field]


@pytest.mark.parametrize("given", [UNDEFINED, None, 5, "x", []])
def test_an_input_that_is_no_object_is_a_form_error(given: Any) -> None:
    errors = refused(inputs.Create, given)
    assert errors["formErrors"]
    assert errors["fieldErrors"] == {}


def test_every_mistake_is_listed() -> None:
    errors = refused(inputs.Roots, {"flowId": None, "limit": "x"})
    assert set(errors["fieldErrors"]) == {"flowId", "limit"}


def test_options_keep_what_was_given_and_drop_what_nobody_knows() -> None:
    options = {
        "debug": True,
        "execution": {"maxConcurrency": 3, "nodeTimeoutMs": 1.5, "childFailure": "fail"},
        "breakpoints": ["a", {"edgeId": "e", "condition": "value > 1"}],
    }
    given = inputs.Create.model_validate({**FLOW, "options": {**options, "colour": "red"}, "x": 1})
    assert given.options is not None
    assert given.options.as_json() == options


def test_integration_and_payloads_are_kept_whole() -> None:
    now = datetime.now(UTC)
    events = [{"eventName": "a", "payload": {"at": now}}, {"eventName": "b"}]
    integration = {"external": {"k": now}, "more": [1, None]}
    given = inputs.Create.model_validate({**FLOW, "integration": integration, "events": events})
    assert given.integration == integration
    assert [event.as_json() for event in given.events or ()] == events


def test_defaults_of_a_subscription() -> None:
    given = inputs.Subscribe.model_validate(ID)
    assert given.from_index == 0
    assert given.event_types == []
    assert given.batch_size == 100
    assert given.batch_timeout_ms == 25
    assert given.view == "full"


@pytest.mark.parametrize(
    ("given", "position"), [(-3, -3), (2.0, 2), (1e300, 2**53), (-1e300, -(2**53))]
)
def test_a_position_is_an_integer_within_reason(given: float, position: int) -> None:
    assert inputs.Subscribe.model_validate({**ID, "fromIndex": given}).from_index == position


def test_what_is_kept_in_an_index_is_not_long() -> None:
    on = {"executionId": "EX1"}
    for model, member, longest, given in (
        (inputs.Create, "idempotencyKey", 255, {"flowId": "sum"}),
        (inputs.Retry, "idempotencyKey", 255, on),
        (inputs.Stop, "commandId", 300, on),
        (inputs.SendSignal, "signalId", 300, {**on, "name": "go"}),
        (inputs.Share, "name", 255, on),
        (inputs.StoreFlow, "flowId", 255, {"document": {}}),
    ):
        model.model_validate({**given, member: "k" * longest})
        with pytest.raises(ValidationError, match=member):
            model.model_validate({**given, member: "k" * (longest + 1)})
