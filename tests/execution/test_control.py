"""Pause, resume, step, breakpoints, stop: what is applied, when, and what becomes of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chaingraph.engine.authoring import Context, node
from chaingraph.errors import BadInput, IllegalTransition
from chaingraph.execution.principals import LOCAL
from chaingraph.execution.records import (
    Command,
    CommandKind,
    Disposition,
    Segment,
    Status,
)
from chaingraph.execution.verify import verify
from tests.laboratory import Lab, Run, lab_of, started


@node(kind="pure", quick=True)
def inc(number: float = 0) -> float:
    return number + 1


class Door:
    """Bodies of `held` wait here."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.reached = asyncio.Event()


DOORS: dict[str, Door] = {}


@node(kind="effect")
async def held(ctx: Context, number: float = 0) -> float:
    door = DOORS.setdefault(ctx.execution_id, Door())
    door.reached.set()
    await door.open.wait()
    return number + 1


def chain(*kinds: str, **options: Any) -> tuple[Lab, Any]:
    lab, build = lab_of(inc, held)
    at = None
    for n, kind in enumerate(kinds):
        inputs: dict[str, Any] = {} if at is None else {"number": at["result"]}
        at = build.add(kind, f"n{n}", **inputs)
    return lab, build.build()


async def at_the_door(lab: Lab, segment: Segment) -> tuple[asyncio.Task[None], Door]:
    door = DOORS.setdefault(segment.execution_id, Door())
    working = asyncio.create_task(lab.work(segment))
    await door.reached.wait()
    return working, door


def types(run: Run) -> list[str]:
    return [each.type.value for each in run.events]


async def verified(lab: Lab, execution_id: str) -> Run:
    run = await lab.seen(execution_id)
    assert verify(run.stored, run.events) == []
    return run


async def test_a_pause_lets_the_running_body_end_and_begins_no_more() -> None:
    lab, flow = chain("Inc", "Held", "Inc")
    segment = await lab.begin(flow)
    working, door = await at_the_door(lab, segment)
    await lab.service.pause(LOCAL, segment.execution_id, reason="look", command_id="p1")
    await lab.until_type(segment.execution_id, "flow:paused")
    assert (await lab.seen(segment.execution_id)).stored.row.status is Status.PAUSED
    door.open.set()
    await working
    run = await verified(lab, segment.execution_id)
    assert started(run.events) == ["n0", "n1"]
    assert run.events[-1].type == "flow:parked"
    assert run.stored.dispatch.disposition is Disposition.PARKED
    paused = next(e for e in run.events if e.type == "flow:paused")
    assert (paused.data["reason"], paused.data["by"]) == ("look", "local")


async def test_a_resume_goes_on_where_it_was_held() -> None:
    lab, flow = chain("Inc", "Held", "Inc")
    segment = await lab.begin(flow)
    working, door = await at_the_door(lab, segment)
    await lab.service.pause(LOCAL, segment.execution_id)
    door.open.set()
    await working
    await lab.service.resume(LOCAL, segment.execution_id)
    await lab.settle()
    run = await verified(lab, segment.execution_id)
    assert run.stored.row.status is Status.COMPLETED
    assert run.value("n2", "result") == 3
    assert started(run.events) == ["n0", "n1", "n2"]


async def test_pausing_now_cancels_the_body_and_runs_it_again_after_the_resume() -> None:
    lab, flow = chain("Inc", "Held", "Inc")
    segment = await lab.begin(flow)
    working, door = await at_the_door(lab, segment)
    await lab.service.pause(LOCAL, segment.execution_id, now=True)
    await working
    assert (await lab.seen(segment.execution_id)).last.type == "flow:parked"
    door.open.set()
    await lab.service.resume(LOCAL, segment.execution_id)
    await lab.settle()
    run = await verified(lab, segment.execution_id)
    assert run.stored.row.status is Status.COMPLETED
    assert started(run.events) == ["n0", "n1", "n1", "n2"]


async def test_a_resume_before_the_pause_was_applied_is_accepted() -> None:
    lab, flow = chain("Inc", "Inc")
    segment = await lab.begin(flow)
    await lab.service.pause(LOCAL, segment.execution_id)
    with pytest.raises(IllegalTransition, match="its status is paused"):
        await lab.service.pause(LOCAL, segment.execution_id)
    await lab.service.resume(LOCAL, segment.execution_id)
    await lab.work(segment)
    run = await verified(lab, segment.execution_id)
    assert run.stored.row.status is Status.COMPLETED


async def test_what_is_not_running_cannot_be_paused_and_what_is_not_paused_not_resumed() -> None:
    lab, flow = chain("Inc")
    await lab.service.import_flow(LOCAL, flow)
    execution_id = await lab.service.create(LOCAL, flow.id)
    for command in (lab.service.pause, lab.service.resume, lab.service.step):
        with pytest.raises(IllegalTransition, match="its status is created"):
            await command(LOCAL, execution_id)
    await lab.service.start(LOCAL, execution_id)
    await lab.settle()
    for command in (lab.service.pause, lab.service.resume, lab.service.step):
        with pytest.raises(IllegalTransition, match="its status is completed"):
            await command(LOCAL, execution_id)


async def test_a_repeated_command_gets_the_first_answer_and_changes_nothing() -> None:
    lab, flow = chain("Held")
    segment = await lab.begin(flow)
    await lab.service.pause(LOCAL, segment.execution_id, command_id="same")
    await lab.service.pause(LOCAL, segment.execution_id, command_id="same")
    await lab.work(segment)
    run = await verified(lab, segment.execution_id)
    assert types(run).count("flow:paused") == 1


async def test_a_step_runs_exactly_one_node() -> None:
    lab, flow = chain("Inc", "Inc", "Inc")
    segment = await lab.begin(flow)
    await lab.service.pause(LOCAL, segment.execution_id)
    await lab.work(segment)
    for count in (1, 2, 3):
        await lab.service.step(LOCAL, segment.execution_id)
        await lab.settle()
        run = await verified(lab, segment.execution_id)
        assert len(started(run.events)) == count
        assert run.stored.row.status is Status.PAUSED
    await lab.service.resume(LOCAL, segment.execution_id)
    await lab.settle()
    assert (await verified(lab, segment.execution_id)).stored.row.status is Status.COMPLETED


async def test_a_breakpoint_holds_before_its_node_and_tells_the_values() -> None:
    lab, flow = chain("Inc", "Inc", "Inc")
    await lab.service.import_flow(LOCAL, flow)
    execution_id = await lab.service.create(LOCAL, flow.id, options={"breakpoints": ["n1"]})
    await lab.service.start(LOCAL, execution_id)
    await lab.settle()
    run = await verified(lab, execution_id)
    assert run.stored.row.status is Status.PAUSED
    hit = next(each for each in run.events if each.type == "debug:breakpoint-hit")
    assert hit.data == {"nodeId": "n1", "values": {"number": 1, "result": None}}
    await lab.service.resume(LOCAL, execution_id)
    await lab.settle()
    run = await verified(lab, execution_id)
    assert run.stored.row.status is Status.COMPLETED
    assert types(run).count("debug:breakpoint-hit") == 1


@pytest.mark.parametrize("condition, hits", [("value > 0", 1), ("value > 5", 0)])
async def test_a_breakpoint_on_an_edge_may_have_a_condition(condition: str, hits: int) -> None:
    lab, flow = chain("Inc", "Inc")
    edge = flow.edges[0].id
    segment = await lab.begin(flow)
    breakpoints = [{"edgeId": edge, "condition": condition}]
    await lab.service.set_breakpoints(LOCAL, segment.execution_id, breakpoints)
    await lab.work(segment)
    run = await verified(lab, segment.execution_id)
    assert types(run).count("debug:breakpoint-hit") == hits
    if hits:
        assert started(run.events) == ["n0"]


async def test_a_breakpoint_that_cannot_be_read_is_refused() -> None:
    lab, flow = chain("Inc")
    segment = await lab.begin(flow)
    with pytest.raises(BadInput, match="condition"):
        broken = [{"nodeId": "n0", "condition": "1 +"}]
        await lab.service.set_breakpoints(LOCAL, segment.execution_id, broken)


async def test_breakpoints_do_not_count_when_debugging_is_off() -> None:
    lab, flow = chain("Inc")
    await lab.service.import_flow(LOCAL, flow)
    options = {"debug": False, "breakpoints": ["n0"]}
    execution_id = await lab.service.create(LOCAL, flow.id, options=options)
    await lab.service.start(LOCAL, execution_id)
    await lab.settle()
    assert (await verified(lab, execution_id)).stored.row.status is Status.COMPLETED


async def test_a_stop_ends_what_is_paused() -> None:
    lab, flow = chain("Held")
    segment = await lab.begin(flow)
    await lab.service.pause(LOCAL, segment.execution_id)
    await lab.work(segment)
    await lab.service.stop(LOCAL, segment.execution_id)
    run = await verified(lab, segment.execution_id)
    assert run.stored.row.status is Status.STOPPED
    assert run.last.type == "flow:cancelled"


async def test_the_time_in_a_pause_does_not_count_against_the_flow() -> None:
    lab, flow = chain("Inc", "Inc")
    segment = await lab.begin(flow, flowTimeoutMs=1_000)
    await lab.service.pause(LOCAL, segment.execution_id)
    await lab.work(segment)
    lab.clock.move(3_600_000)
    await lab.service.resume(LOCAL, segment.execution_id)
    await lab.settle()
    run = await verified(lab, segment.execution_id)
    assert run.stored.row.status is Status.COMPLETED
    assert run.last.data["executionTime"] == 3_600_000


async def test_a_pause_that_comes_while_the_last_node_ends_holds_the_end() -> None:
    lab, flow = chain("Held")
    segment = await lab.begin(flow)
    working, door = await at_the_door(lab, segment)
    door.open.set()
    await lab.service.pause(LOCAL, segment.execution_id)
    await working
    run = await verified(lab, segment.execution_id)
    assert run.stored.row.status is Status.PAUSED
    await lab.service.resume(LOCAL, segment.execution_id)
    await lab.settle()
    assert (await verified(lab, segment.execution_id)).stored.row.status is Status.COMPLETED


async def test_after_an_accepted_stop_nothing_else_is_accepted() -> None:
    lab, flow = chain("Held")
    segment = await lab.begin(flow)
    working, _ = await at_the_door(lab, segment)
    stop = Command("stop", CommandKind.STOP, "local", {})
    await lab.journal.deliver(segment.execution_id, stop)  # nobody rings for it
    for command in (lab.service.pause, lab.service.resume, lab.service.step):
        with pytest.raises(IllegalTransition, match="its status is stopped"):
            await command(LOCAL, segment.execution_id)
    await lab.service.stop(LOCAL, segment.execution_id)
    await working
    assert (await verified(lab, segment.execution_id)).stored.row.status is Status.STOPPED


async def test_a_breakpoint_at_what_is_not_there_is_refused() -> None:
    lab, flow = chain("Inc")
    segment = await lab.begin(flow)
    with pytest.raises(BadInput, match="There is no node nope, no edge none to hold at"):
        wrong: list[str | dict[str, str]] = ["nope", {"edgeId": "none"}]
        await lab.service.set_breakpoints(LOCAL, segment.execution_id, wrong)


async def test_options_may_name_what_is_not_there() -> None:
    """Clients of the original send breakpoints that nobody looks at."""
    lab, flow = chain("Inc")
    await lab.service.import_flow(LOCAL, flow)
    execution_id = await lab.service.create(LOCAL, flow.id, options={"breakpoints": ["nope"]})
    await lab.service.start(LOCAL, execution_id)
    await lab.settle()
    assert (await verified(lab, execution_id)).stored.row.status is Status.COMPLETED


async def test_a_step_before_anything_is_held_is_for_the_node_that_comes_next() -> None:
    lab, flow = chain("Held", "Inc", "Inc")
    segment = await lab.begin(flow)
    working, door = await at_the_door(lab, segment)
    await lab.service.pause(LOCAL, segment.execution_id)
    await lab.until_type(segment.execution_id, "flow:paused")
    await lab.service.step(LOCAL, segment.execution_id)
    await lab.until_type(segment.execution_id, "debug:stepped")
    door.open.set()
    await working
    run = await verified(lab, segment.execution_id)
    assert started(run.events) == ["n0", "n1"]
    assert run.stored.row.status is Status.PAUSED


async def test_the_time_in_which_nobody_worked_does_not_count_against_the_flow() -> None:
    lab, flow = chain("Held")
    segment = await lab.begin(flow, flowTimeoutMs=60_000)
    working, door = await at_the_door(lab, segment)
    working.cancel()
    await asyncio.wait([working])
    seen = await lab.seen(segment.execution_id)
    other, again = await seen.crashed_at(len(seen.events))
    other.clock.move(3_600_000)
    door.open.set()
    await other.work(again)
    assert (await verified(other, segment.execution_id)).stored.row.status is Status.COMPLETED
