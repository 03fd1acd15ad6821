"""Children: what emits or calls them, what they are told, and what their ends mean."""

from __future__ import annotations

from typing import Any

import pytest

from chaingraph.engine.authoring import Context, NodeError, node
from chaingraph.execution.children import Limits
from chaingraph.execution.principals import LOCAL
from chaingraph.execution.records import ExecutionRow, Status
from chaingraph.execution.verify import verify
from chaingraph.flow.build import FlowBuilder
from chaingraph.nodes import builtin_catalog
from tests.laboratory import Lab, Run


@node(kind="pure", quick=True)
def burst(ctx: Context, count: float = 1, name: str = "news") -> None:
    for n in range(int(count)):
        ctx.emit_event(name, {"n": n})


@node(kind="pure", quick=True)
def explode(payload: dict[str, Any] | None = None) -> dict[str, Any]:
    raise NodeError("no")


def lab_and_flow(name: str = "test") -> tuple[Lab, FlowBuilder]:
    catalog = builtin_catalog()
    catalog.add(burst, explode)
    return Lab(catalog), FlowBuilder(name, catalog, id=name)


def listening(build: FlowBuilder, name: str = "news") -> None:
    heard = build.add("EventListenerNodeV2", f"heard-{name}", eventName=name)
    build.add("ObjectNode", f"kept-{name}", object=heard["eventPayload"])


async def ran(lab: Lab, build: FlowBuilder, **options: Any) -> str:
    segment = await lab.begin(build.build(), **options)
    await lab.work(segment)
    await lab.settle()
    return segment.execution_id


async def verified(lab: Lab, execution_id: str) -> Run:
    run = await lab.seen(execution_id)
    assert verify(run.stored, run.events) == []
    return run


async def family(lab: Lab, root: str) -> list[ExecutionRow]:
    return [each.row for each in await lab.journal.tree(root)]


async def test_an_emitted_event_begins_a_child_that_hears_it() -> None:
    lab, build = lab_and_flow()
    build.add("EventEmitterNode", "emit", eventName="news", payload={"x": 1})
    listening(build)
    execution_id = await ran(lab, build)
    run = await verified(lab, execution_id)
    types = [each.type.value for each in run.events]
    assert types[-3:] == ["flow:parked", "child:completed", "flow:completed"]
    assert types.index("child:spawned") == types.index("node:completed") + 1
    _, child = await family(lab, execution_id)
    seen = await verified(lab, child.id)
    assert (child.status, child.execution_depth) == (Status.COMPLETED, 1)
    assert child.parent_execution_id == execution_id
    assert seen.value("kept-news", "object") == {"x": 1}
    assert "emit" not in {e.data.get("nodeId") for e in seen.events}


async def test_the_child_exists_only_with_the_completion_that_emitted_it() -> None:
    lab, build = lab_and_flow()
    build.add("Burst", "burst", count=3)
    segment = await lab.begin(build.build())
    await lab.work(segment)
    run = await lab.seen(segment.execution_id)
    spawned = [e.data["executionId"] for e in run.events if e.type == "child:spawned"]
    children = [row.id for row in (await family(lab, run.id))[1:]]
    assert sorted(spawned) == sorted(children)
    assert run.stored.dispatch.open_children == 3
    assert run.stored.row.status is Status.RUNNING


async def test_a_parent_of_many_children_is_woken_once() -> None:
    lab, build = lab_and_flow()
    build.add("Burst", "burst", count=200)
    listening(build)
    execution_id = await ran(lab, build)
    run = await verified(lab, execution_id)
    assert run.stored.row.status is Status.COMPLETED
    assert run.stored.dispatch.number == 3, "two segments, and the end"
    assert len(await family(lab, execution_id)) == 201


async def test_a_chain_of_a_hundred_generations_needs_one_worker() -> None:
    lab, build = lab_and_flow()
    lab.world = lab.world_with(limits=Limits(depth=100))

    @node(kind="pure", quick=True)
    def again(ctx: Context, payload: dict[str, Any] | None = None) -> None:
        if ctx.execution_depth < 100:
            ctx.emit_event("again", {})

    lab.catalog.add(again)
    build = FlowBuilder("test", lab.catalog, id="test")
    build.add("EventEmitterNode", "emit", eventName="again")
    heard = build.add("EventListenerNodeV2", "heard", eventName="again")
    build.add("Again", "more", payload=heard["eventPayload"])
    execution_id = await ran(lab, build)
    rows = await family(lab, execution_id)
    assert max(row.execution_depth for row in rows) == 100
    assert {row.status for row in rows} == {Status.COMPLETED}


@pytest.mark.parametrize(
    "limits, message",
    [
        (Limits(depth=0), "Maximum execution depth exceeded: the limit is 0"),
        (Limits(children=2), "Too many child executions: 3, the limit is 2"),
    ],
)
async def test_a_limit_that_is_passed_fails_the_flow(limits: Limits, message: str) -> None:
    lab, build = lab_and_flow()
    lab.world = lab.world_with(limits=limits)
    build.add("Burst", "burst", count=3)
    execution_id = await ran(lab, build)
    row = (await verified(lab, execution_id)).stored.row
    assert (row.status, row.error_message, row.error_node_id) == (Status.FAILED, message, "burst")
    assert len(await family(lab, execution_id)) == 1


async def test_a_stop_ends_the_whole_tree() -> None:
    lab, build = lab_and_flow()
    build.add("Burst", "burst", count=5)
    heard = build.add("EventListenerNodeV2", "heard", eventName="news")
    wait = build.add("SleepNode", "sleep", duration=3_600_000)
    build.connect(heard["__success"], wait["__execute"])
    execution_id = await ran(lab, build)
    assert {r.status for r in await family(lab, execution_id)} == {Status.RUNNING}
    await lab.service.stop(LOCAL, execution_id, reason="enough")
    await lab.settle()
    rows = await family(lab, execution_id)
    assert {(row.status, row.error_message) for row in rows} == {(Status.STOPPED, "enough")}
    for row in rows:
        await verified(lab, row.id)


async def test_a_pause_of_the_tree_reaches_the_children_and_its_resume_too() -> None:
    lab, build = lab_and_flow()
    build.add("Burst", "burst", count=3)
    heard = build.add("EventListenerNodeV2", "heard", eventName="news")
    wait = build.add("SleepNode", "sleep", duration=60_000)
    build.connect(heard["__success"], wait["__execute"])
    execution_id = await ran(lab, build)
    await lab.service.pause(LOCAL, execution_id, tree=True)
    await lab.settle()
    assert {r.status for r in await family(lab, execution_id)} == {Status.PAUSED}
    lab.clock.move(60_000)
    await lab.service.resume(LOCAL, execution_id)
    await lab.settle()
    assert {r.status for r in await family(lab, execution_id)} == {Status.COMPLETED}


@pytest.mark.parametrize("what, status", [("ignore", "completed"), ("fail", "failed")])
async def test_what_a_failed_child_means_is_an_option(what: str, status: str) -> None:
    lab, build = lab_and_flow()
    build.add("Burst", "burst", count=3)
    heard = build.add("EventListenerNodeV2", "heard", eventName="news")
    wait = build.add("SleepNode", "sleep", duration=60_000)
    build.connect(heard["__success"], wait["__execute"])
    segment = await lab.begin(build.build(), childFailure=what, flowTimeoutMs=100_000)
    await lab.work(segment)
    await lab.settle()
    children = (await family(lab, segment.execution_id))[1:]
    await lab.service.stop(LOCAL, children[0].id, reason="gone")
    await lab.settle()
    lab.clock.move(60_000)
    await lab.settle()
    rows = await family(lab, segment.execution_id)
    assert rows[0].status == status
    assert all(row.status.is_terminal for row in rows)
    if status == "failed":
        assert rows[0].error_message == f"Child execution {children[0].id} stopped: gone"


async def called(lab: Lab, inner: FlowBuilder, inputs: dict[str, Any]) -> tuple[Lab, Run]:
    await lab.service.import_flow(LOCAL, inner.build())
    outer = FlowBuilder("outer", lab.catalog, id="outer")
    outer.add("RunFlowNode", "call", flowId=inner.build().id, inputs=inputs)
    return lab, await verified(lab, await ran(lab, outer))


async def test_a_node_runs_another_flow_and_gives_its_outputs_on() -> None:
    lab, inner = lab_and_flow("inner")
    inner.add("MathNode", "sum", a=1, b=2, operation="add")
    lab, run = await called(lab, inner, {"sum.a": 40})
    assert run.value("call", "outputs") == {"sum.result": 42}
    assert run.value("call", "status") == "completed"
    child_id = run.value("call", "executionId")
    assert [row.id for row in await family(lab, run.id)] == [run.id, child_id]


async def test_a_flow_that_is_not_there_fails_the_node_that_calls_it() -> None:
    lab, build = lab_and_flow()
    build.add("RunFlowNode", "call", flowId="nowhere")
    run = await verified(lab, await ran(lab, build))
    assert run.failure("call")[1] == "Flow with id nowhere not found"
    assert run.stored.row.status is Status.COMPLETED


async def test_a_called_flow_of_another_owner_is_refused() -> None:
    lab, _ = lab_and_flow()
    inner = FlowBuilder("inner", lab.catalog, id="inner", owner="somebody")
    inner.add("MathNode", "sum", a=1, b=2, operation="add")
    lab, run = await called(lab, inner, {})
    assert "belongs to another owner" in run.failure("call")[1]


async def test_a_resume_of_the_tree_reaches_children_that_were_paused_one_by_one() -> None:
    lab, build = lab_and_flow()
    build.add("Burst", "burst", count=2)
    heard = build.add("EventListenerNodeV2", "heard", eventName="news")
    wait = build.add("SleepNode", "sleep", duration=60_000)
    build.connect(heard["__success"], wait["__execute"])
    execution_id = await ran(lab, build)
    child = (await family(lab, execution_id))[1]
    for each in (child.id, execution_id):
        await lab.service.pause(LOCAL, each)
    await lab.settle()
    await lab.service.resume(LOCAL, execution_id, tree=True)
    await lab.settle()
    assert {r.status for r in await family(lab, execution_id)} == {Status.RUNNING}


async def test_a_called_flow_that_fails_fails_its_node_and_not_the_flow() -> None:
    lab, inner = lab_and_flow("inner")
    inner.add("SleepNode", "sleep", duration=3_600_000)
    await lab.service.import_flow(LOCAL, inner.build())
    outer = FlowBuilder("outer", lab.catalog, id="outer")
    outer.add("RunFlowNode", "call", flowId="inner")
    segment = await lab.begin(outer.build(), childFailure="fail")
    await lab.work(segment)
    await lab.settle()
    child = (await family(lab, segment.execution_id))[1]
    await lab.service.stop(LOCAL, child.id, reason="gone")
    await lab.settle()
    run = await verified(lab, segment.execution_id)
    assert run.stored.row.status is Status.COMPLETED
    assert run.failure("call")[1] == "Flow inner did not complete: gone"


async def test_a_called_flow_with_failed_nodes_fails_the_node_that_calls_it() -> None:
    lab, inner = lab_and_flow("inner")
    inner.add("Explode", "broken")
    lab, run = await called(lab, inner, {})
    told = "Flow inner did not complete: node broken failed: no"
    assert run.failure("call") == ("Error", told)


async def test_a_failed_child_still_fails_its_parent_after_a_crash() -> None:
    lab, build = lab_and_flow()
    build.add("Burst", "burst")
    heard = build.add("EventListenerNodeV2", "heard", eventName="news")
    wait = build.add("SleepNode", "sleep", duration=60_000)
    build.connect(heard["__success"], wait["__execute"])
    segment = await lab.begin(build.build(), childFailure="fail")
    await lab.work(segment)
    await lab.settle()
    await lab.service.stop(LOCAL, (await family(lab, segment.execution_id))[1].id, reason="gone")
    await lab.settle()
    run = await verified(lab, segment.execution_id)
    told = next(each.position for each in run.events if each.type == "child:failed")
    resumed = await run.resumed_at(told + 1)
    assert resumed.last.data["error"].message == run.stored.row.error_message
