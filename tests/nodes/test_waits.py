from __future__ import annotations

from typing import Any

import pytest

from chaingraph.engine.authoring import NodeError, node_type_of
from chaingraph.engine.node import Context, NodeType, Values
from chaingraph.engine.waits import (
    Answer,
    Child,
    ChildEnded,
    Received,
    Signal,
    Sleep,
    TimeIsUp,
    Wait,
)
from chaingraph.flow.forms import misfit
from chaingraph.flow.ports import Port
from chaingraph.nodes.waits import HumanInputNode, RunFlowNode, WaitForSignalNode, sleep_node
from tests.nodes.contexts import MemoryContext, run_body, wait_of

SLEEP, SIGNAL, HUMAN, RUN_FLOW = map(
    node_type_of, (sleep_node, WaitForSignalNode, HumanInputNode, RunFlowNode)
)


async def answered(node_type: NodeType, values: Values, answer: Answer | None) -> Values:
    return await run_body(node_type, values, MemoryContext(answer=answer))


def signal_of(node_type: NodeType, values: Values, ctx: Context | None = None) -> Signal:
    wait: Wait | None = wait_of(node_type, values, ctx)
    assert isinstance(wait, Signal)
    return wait


async def test_a_long_sleep_is_a_wait_and_tells_how_long_it_was() -> None:
    assert wait_of(SLEEP, {"duration": 60_000.5}) == Sleep(60_000.5)
    told = await answered(SLEEP, {"duration": 60_000}, TimeIsUp(60_007))
    assert told == {"actualDuration": 60_007}


@pytest.mark.parametrize("duration", [None, 0, 250.5, 5_000])
def test_a_short_sleep_is_slept_in_place(duration: float | None) -> None:
    assert wait_of(SLEEP, {"duration": duration}) is None


def test_a_signal_is_waited_for_by_name_form_and_time() -> None:
    assert wait_of(SIGNAL, {"name": "paid"}) == Signal("paid")
    schema = {"type": "number"}
    values = {"name": "paid", "schema": schema, "timeoutMs": 50}
    assert wait_of(SIGNAL, values) == Signal("paid", schema, 50)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"name": ""}, "Signal name is required"),
        ({"name": "a", "schema": {"type": "text"}}, "The schema is wrong: type: 'text' is not"),
        ({"name": "a", "schema": {"$ref": "http://x.test"}}, "The schema refers to http://x.test"),
    ],
)
def test_what_nobody_could_send_is_not_waited_for(values: Values, problem: str) -> None:
    with pytest.raises(NodeError, match=problem):
        wait_of(SIGNAL, values)


@pytest.mark.parametrize("value", [7, None, {"a": [1]}])
async def test_the_value_of_a_signal_is_given_on(value: Any) -> None:
    given = await answered(SIGNAL, {"name": "paid", "timedOut": True}, Received(value, "ann"))
    assert given == {"value": value, "timedOut": False}


async def test_after_the_time_out_there_is_the_default() -> None:
    given = await answered(SIGNAL, {"name": "paid", "default": 0}, TimeIsUp())
    assert given == {"value": 0, "timedOut": True}


async def test_without_a_default_the_time_out_is_a_failure() -> None:
    with pytest.raises(NodeError, match="The signal paid did not come in time"):
        await answered(SIGNAL, {"name": "paid"}, TimeIsUp())


DRAWN = Port.from_config(
    {
        "id": "form",
        "type": "object",
        "title": "Order",
        "isSchemaMutable": True,
        "schema": {
            "properties": {
                "price": {"type": "number", "min": 0},
                "approved": {"type": "boolean", "required": True},
            }
        },
    }
)


def test_a_person_is_asked_to_fill_in_the_form_that_was_drawn() -> None:
    ctx = MemoryContext(node_id="approve", ports={"form": DRAWN})
    values = {
        "title": "Approve?",
        "form": {"price": 12},
        "assignees": ["ann", "bob"],
        "expiresMs": 60_000,
    }
    wait = signal_of(HUMAN, values, ctx)
    assert (wait.name, wait.title, wait.assignees) == ("approve", "Approve?", ("ann", "bob"))
    assert wait.timeout_ms == 60_000
    assert wait.schema["default"] == {"price": 12}
    assert misfit(wait.schema, {"price": 12, "approved": True}) is None
    assert misfit(wait.schema, {"price": 12}) == "the value: 'approved' is a required property"


def test_a_form_may_be_written_as_a_schema() -> None:
    form = {"properties": {"approved": {"type": "boolean"}}, "required": ["approved"]}
    wait = signal_of(HUMAN, {"form": form})
    assert wait.schema == {**form, "type": "object"}
    assert (wait.name, wait.timeout_ms, wait.assignees) == ("node", None, ())


def test_whatever_is_answered_to_an_empty_form_is_an_object() -> None:
    schema = signal_of(HUMAN, {"form": None}).schema
    assert misfit(schema, {"anything": 1}) is None
    assert misfit(schema, True) == "the value: True is not of type 'object'"


def test_a_form_that_is_wrong_is_shown_to_nobody() -> None:
    with pytest.raises(NodeError, match="The schema is wrong: properties"):
        wait_of(HUMAN, {"form": {"properties": 3}})


async def test_the_answer_of_a_person_comes_with_their_name() -> None:
    given = await answered(HUMAN, {"onExpiry": "fail"}, Received({"approved": True}, "ann"))
    assert given == {"answer": {"approved": True}, "answeredBy": "ann", "expired": False}


async def test_when_nobody_answers_the_flow_fails_or_goes_on() -> None:
    given = await answered(HUMAN, {"onExpiry": "continue"}, TimeIsUp())
    assert given == {"answer": None, "answeredBy": "", "expired": True}
    with pytest.raises(NodeError, match="Nobody answered in time"):
        await answered(HUMAN, {"onExpiry": "fail"}, TimeIsUp())


@pytest.mark.parametrize(
    ("inputs", "by_port"),
    [
        (None, {}),
        ({"add.a": 1, "box.value": {"x": 1}}, {"add.a": 1, "box.value": {"x": 1}}),
        ({"add": {"a": 1, "b": 2}, "text.text": "t"}, {"add.a": 1, "add.b": 2, "text.text": "t"}),
    ],
)
def test_a_flow_is_run_with_inputs_by_port(inputs: Any, by_port: Any) -> None:
    assert wait_of(RUN_FLOW, {"flowId": "V2sum", "inputs": inputs}) == Child("V2sum", by_port)


def test_a_flow_to_run_has_an_id() -> None:
    with pytest.raises(NodeError, match="Flow id is required"):
        wait_of(RUN_FLOW)


async def test_the_outputs_of_a_flow_are_given_on() -> None:
    ended = ChildEnded("EX2", "completed", {"add.result": 3})
    given = await answered(RUN_FLOW, {"flowId": "V2sum"}, ended)
    assert given == {"outputs": {"add.result": 3}, "executionId": "EX2", "status": "completed"}


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (ChildEnded("EX2", "failed", {}, "it burned"), "Flow V2sum did not complete: it burned"),
        (ChildEnded("EX2", "stopped", {}), "did not complete: execution EX2 is stopped"),
        (None, "Flow V2sum was not run"),
    ],
)
async def test_a_flow_that_did_not_complete_fails_the_node(
    answer: Answer | None, problem: str
) -> None:
    with pytest.raises(NodeError, match=problem):
        await answered(RUN_FLOW, {"flowId": "V2sum"}, answer)


def test_a_node_that_waits_is_never_quick() -> None:
    assert not any(each.quick for each in (SLEEP, SIGNAL, HUMAN, RUN_FLOW))
