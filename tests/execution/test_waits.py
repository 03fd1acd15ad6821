"""Nodes that wait: for time, for signals, for people, for another try."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chaingraph.engine.authoring import Context, NodeError, node
from chaingraph.engine.catalog import Catalog
from chaingraph.errors import BadInput, Forbidden
from chaingraph.execution.principals import LOCAL, Principal
from chaingraph.execution.records import Disposition, Status
from chaingraph.execution.verify import verify
from chaingraph.flow.build import FlowBuilder
from chaingraph.nodes import builtin_catalog
from tests.laboratory import Lab, Run, started

ALICE, BOB = Principal("alice"), Principal("bob")


class Failures:
    """How often `flaky` still fails."""

    left = 0


@node(kind="effect")
async def flaky(ctx: Context, text: str = "") -> str:
    if Failures.left:
        Failures.left -= 1
        raise NodeError("not now")
    return f"{text} {ctx.attempt}"


def lab_and(*types: object) -> tuple[Lab, FlowBuilder]:
    catalog: Catalog = builtin_catalog()
    catalog.add(*types)
    return Lab(catalog), FlowBuilder("test", catalog)


async def begun(lab: Lab, build: FlowBuilder, **options: Any) -> str:
    segment = await lab.begin(build.build(), **options)
    await lab.work(segment)
    return segment.execution_id


async def verified(lab: Lab, execution_id: str) -> Run:
    run = await lab.seen(execution_id)
    assert verify(run.stored, run.events) == []
    return run


async def test_a_long_sleep_parks_and_is_woken_when_it_is_due() -> None:
    lab, build = lab_and()
    build.add("SleepNode", "sleep", duration=3_600_000)
    execution_id = await begun(lab, build)
    run = await verified(lab, execution_id)
    assert run.stored.dispatch.disposition is Disposition.PARKED
    assert run.stored.dispatch.wake_at == lab.clock() + 3_600_000
    assert run.last.data["waits"][0]["kind"] == "sleep"
    await lab.settle()
    assert (await lab.seen(execution_id)).stored.row.status is Status.RUNNING
    lab.clock.move(3_600_000)
    await lab.settle()
    run = await verified(lab, execution_id)
    assert run.stored.row.status is Status.COMPLETED
    assert started(run.events) == ["sleep"]
    assert run.value("sleep", "actualDuration") == 3_600_000


async def test_a_short_sleep_is_waited_for_here() -> None:
    lab, build = lab_and()
    build.add("SleepNode", "sleep", duration=20)
    execution_id = await begun(lab, build)
    run = await verified(lab, execution_id)
    assert run.stored.row.status is Status.COMPLETED
    assert "flow:parked" not in [each.type for each in run.events]


async def test_a_sleep_that_is_stopped_says_so() -> None:
    lab, build = lab_and()
    build.add("SleepNode", "sleep", duration=3_600_000)
    execution_id = await begun(lab, build)
    await lab.service.stop(LOCAL, execution_id)
    assert (await verified(lab, execution_id)).stored.row.status is Status.STOPPED


def waiting_for(name: str, **more: Any) -> tuple[Lab, FlowBuilder]:
    lab, build = lab_and()
    build.add("WaitForSignalNode", "wait", name=name, **more)
    return lab, build


async def test_a_signal_wakes_the_node_that_waits_for_it() -> None:
    lab, build = waiting_for("paid")
    execution_id = await begun(lab, build)
    await lab.service.signal(LOCAL, execution_id, "paid", {"amount": 3}, command_id="s1")
    await lab.settle()
    run = await verified(lab, execution_id)
    assert run.value("wait", "value") == {"amount": 3}
    assert run.stored.row.status is Status.COMPLETED


async def test_an_early_signal_is_kept_and_each_is_delivered_once() -> None:
    lab, build = waiting_for("paid")
    segment = await lab.begin(build.build())
    for value in (1, 1, 2):
        await lab.service.signal(LOCAL, segment.execution_id, "paid", value, command_id=f"s{value}")
    await lab.work(segment)
    run = await verified(lab, segment.execution_id)
    assert run.value("wait", "value") == 1
    assert [e.data["signalId"] for e in run.events if e.type == "signal:received"] == ["s1", "s2"]


async def test_a_value_that_does_not_fit_is_refused_at_the_door() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]}
    lab, build = waiting_for("number", schema=schema)
    execution_id = await begun(lab, build)
    with pytest.raises(BadInput, match="number does not fit"):
        await lab.service.signal(LOCAL, execution_id, "number", {"n": "three"})
    await lab.service.signal(LOCAL, execution_id, "number", {"n": 3})
    await lab.settle()
    assert (await verified(lab, execution_id)).value("wait", "value") == {"n": 3}


async def test_an_early_value_that_does_not_fit_is_rejected_in_the_journal() -> None:
    lab, build = waiting_for("number", schema={"type": "number"})
    segment = await lab.begin(build.build())
    await lab.service.signal(LOCAL, segment.execution_id, "number", "three")
    await lab.work(segment)
    run = await verified(lab, segment.execution_id)
    rejected = next(each for each in run.events if each.type == "signal:rejected")
    assert rejected.data["name"] == "number"
    assert run.last.type == "flow:parked"


async def test_a_signal_that_does_not_come_in_time_leaves_the_default_or_a_failure() -> None:
    for more, status in (({"default": "none"}, "completed"), ({}, "error")):
        lab, build = waiting_for("paid", timeoutMs=60_000, **more)
        execution_id = await begun(lab, build)
        lab.clock.move(60_000)
        await lab.settle()
        run = await verified(lab, execution_id)
        assert run.statuses["wait"] == status
        assert run.stored.row.status is Status.COMPLETED


async def test_a_form_is_answered_by_those_who_are_named_and_by_nobody_else() -> None:
    lab, build = lab_and()
    form = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    build.add("HumanInputNode", "ask", title="Sure?", form=form, assignees=["alice"])
    execution_id = await begun(lab, build)
    with pytest.raises(Forbidden):
        await lab.service.signal(BOB, execution_id, "ask", {"ok": True})
    with pytest.raises(BadInput):
        await lab.service.signal(ALICE, execution_id, "ask", {"ok": "yes"})
    await lab.service.signal(ALICE, execution_id, "ask", {"ok": True})
    await lab.settle()
    run = await verified(lab, execution_id)
    assert run.value("ask", "answer") == {"ok": True}
    assert run.value("ask", "answeredBy") == "alice"


async def test_a_signal_is_kept_while_the_flow_is_paused() -> None:
    lab, build = waiting_for("paid")
    execution_id = await begun(lab, build)
    await lab.service.pause(LOCAL, execution_id)
    await lab.settle()
    await lab.service.signal(LOCAL, execution_id, "paid", 7)
    await lab.settle()
    assert (await lab.seen(execution_id)).stored.row.status is Status.PAUSED
    await lab.service.resume(LOCAL, execution_id)
    await lab.settle()
    run = await verified(lab, execution_id)
    assert (run.stored.row.status, run.value("wait", "value")) == (Status.COMPLETED, 7)


async def test_a_node_that_fails_is_tried_again_after_its_back_off() -> None:
    Failures.left = 2
    lab, build = lab_and(flaky)
    build.add("Flaky", "flaky", text="try", retry={"attempts": 3, "delayMs": 60_000})
    execution_id = await begun(lab, build)
    for _ in range(2):
        run = await verified(lab, execution_id)
        assert run.last.type == "flow:parked"
        lab.clock.move(run.last.data["wakeAt"] - lab.clock())
        await lab.settle()
    run = await verified(lab, execution_id)
    assert run.stored.row.status is Status.COMPLETED
    assert run.value("flaky", "result") == "try 3"
    scheduled = [e for e in run.events if e.type == "node:retry-scheduled"]
    assert [each.data["attempt"] for each in scheduled] == [1, 2]


async def test_a_node_out_of_tries_fails() -> None:
    Failures.left = 9
    lab, build = lab_and(flaky)
    build.add("Flaky", "flaky", retry={"attempts": 2, "delayMs": 0})
    execution_id = await begun(lab, build)
    run = await verified(lab, execution_id)
    assert run.failure("flaky") == ("Error", "not now")
    assert started(run.events) == ["flaky", "flaky"]


async def test_a_node_out_of_tries_may_wait_for_somebody_to_look() -> None:
    Failures.left = 2
    lab, build = lab_and(flaky)
    build.add("Flaky", "flaky", retry={"attempts": 2, "delayMs": 0, "then": "pause"})
    execution_id = await begun(lab, build)
    run = await verified(lab, execution_id)
    assert run.stored.row.status is Status.PAUSED
    paused = next(each for each in run.events if each.type == "flow:paused")
    assert "out of tries" in paused.data["reason"]
    await lab.service.resume(LOCAL, execution_id)
    await lab.settle()
    run = await verified(lab, execution_id)
    assert (run.stored.row.status, run.statuses["flaky"]) == (Status.COMPLETED, "completed")
    assert started(run.events) == ["flaky"] * 3


async def test_only_the_named_errors_are_worth_another_try() -> None:
    Failures.left = 1
    lab, build = lab_and(flaky)
    build.add("Flaky", "flaky", retry={"attempts": 3, "delayMs": 0, "on": ["TimeoutError"]})
    run = await verified(lab, await begun(lab, build))
    assert run.statuses["flaky"] == "error"


async def test_a_node_may_have_a_time_limit_of_its_own() -> None:
    @node(kind="effect")
    async def forever() -> None:
        await asyncio.Event().wait()

    lab, build = lab_and(forever)
    build.add("Forever", "forever", timeout_ms=30)
    run = await verified(lab, await begun(lab, build))
    assert run.failure("forever")[1] == "Node forever execution timed out after 30 ms."


async def test_an_owner_who_is_not_named_may_not_answer_and_an_admin_may() -> None:
    lab, build = lab_and()
    build = FlowBuilder("test", lab.catalog, id="test", owner="bob")
    build.add("HumanInputNode", "ask", assignees=["alice"], form={})
    execution_id = await begun(lab, build)
    with pytest.raises(BadInput, match="bob is not among those who may answer"):
        await lab.service.signal(BOB, execution_id, "ask", {})
    await lab.service.signal(LOCAL, execution_id, "ask", {})
    await lab.settle()
    assert (await verified(lab, execution_id)).value("ask", "answeredBy") == "local"


async def test_a_stop_reaches_a_body_that_is_tried_again_at_once() -> None:
    began = asyncio.Event()

    @node(kind="effect")
    async def stubborn(ctx: Context) -> None:
        if ctx.attempt == 1:
            raise NodeError("not now")
        began.set()
        await asyncio.Event().wait()

    lab, build = lab_and(stubborn)
    build.add("Stubborn", "stubborn", retry={"attempts": 2, "delayMs": 0})
    segment = await lab.begin(build.build())
    working = asyncio.create_task(lab.work(segment))
    await began.wait()
    await lab.service.stop(LOCAL, segment.execution_id)
    await working
    run = await verified(lab, segment.execution_id)
    assert run.stored.row.status is Status.STOPPED
    assert run.statuses["stubborn"] == "error"


async def test_a_signal_that_was_accepted_before_the_time_out_counts() -> None:
    lab, build = waiting_for("paid", timeoutMs=60_000)
    execution_id = await begun(lab, build)
    lab.clock.move(59_000)
    await lab.service.signal(LOCAL, execution_id, "paid", 7)
    lab.clock.move(60_000)
    await lab.settle()
    assert (await verified(lab, execution_id)).value("wait", "value") == 7


async def test_a_signal_goes_to_the_first_of_its_name_that_takes_it() -> None:
    lab, build = lab_and()
    build.add("WaitForSignalNode", "number", name="go", schema={"type": "number"})
    build.add("WaitForSignalNode", "text", name="go", schema={"type": "string"})
    execution_id = await begun(lab, build)
    await lab.service.signal(LOCAL, execution_id, "go", "now")
    await lab.service.signal(LOCAL, execution_id, "go", 1)
    await lab.settle()
    run = await verified(lab, execution_id)
    assert (run.value("number", "value"), run.value("text", "value")) == (1, "now")


async def test_a_named_person_may_answer_while_the_execution_runs() -> None:
    began, opened = asyncio.Event(), asyncio.Event()

    @node(kind="effect")
    async def busy() -> None:
        began.set()
        await opened.wait()

    lab, build = lab_and(busy)
    build.add("HumanInputNode", "ask", assignees=["alice"], form={})
    build.add("Busy", "busy")
    segment = await lab.begin(build.build())
    working = asyncio.create_task(lab.work(segment))
    await began.wait()
    await lab.until(segment.execution_id, "node:waiting", "ask")
    with pytest.raises(Forbidden):
        await lab.service.signal(BOB, segment.execution_id, "ask", {})
    for _ in range(2):  # the answer to the first may have been lost
        await lab.service.signal(ALICE, segment.execution_id, "ask", {}, command_id="a1")
    opened.set()
    await working
    run = await verified(lab, segment.execution_id)
    assert run.value("ask", "answeredBy") == "alice"
