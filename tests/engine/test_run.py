"""How bodies are run side by side, and how time-outs, stops and shutdowns end them."""

from __future__ import annotations

import asyncio
import threading

import pytest

from chaingraph.engine.authoring import NodeError, node
from chaingraph.engine.events import EventType
from chaingraph.engine.node import Context
from chaingraph.execution.principals import LOCAL
from chaingraph.execution.records import Segment, Status
from chaingraph.flow.build import FlowBuilder
from tests.laboratory import WORKER, Lab, Run, lab_of, lines

STOPPED = "Node slow was stopped: enough"


async def stopped(lab: Lab, segment: Segment, when: asyncio.Event) -> Run:
    """Run a segment and stop it when the event is set."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(lab.work(segment))
        await when.wait()
        await lab.service.stop(LOCAL, segment.execution_id, reason="enough")
    return await lab.seen(segment.execution_id)


async def test_no_more_bodies_run_at_once_than_the_options_say() -> None:
    running, most, full = 0, 0, asyncio.Event()

    @node(kind="pure")
    async def busy() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 3:
            full.set()
        await full.wait()
        running -= 1

    lab, build = lab_of(busy)
    for _ in range(10):
        build.add("Busy")
    run = await lab.run(build.build(), maxConcurrency=3)
    assert most == 3
    assert set(run.statuses.values()) == {"completed"}


class Endless:
    """A body that waits for ever, and tells what became of it."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.cancelled = False

    async def __call__(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


def endless() -> tuple[Endless, Lab, FlowBuilder]:
    body = Endless()

    @node(name="Slow", kind="pure")
    async def slow() -> None:
        await body()

    lab, build = lab_of(slow)
    build.add("Slow", "slow")
    return body, lab, build


async def test_a_node_time_out_cancels_the_body_and_the_flow_goes_on() -> None:
    body, lab, build = endless()
    build.add("TextNode", "after")
    build.connect("slow.__error", "after.__execute")
    run = await lab.run(build.build(), nodeTimeoutMs=200)
    assert body.cancelled
    assert run.failure("slow") == ("Error", "Node slow execution timed out after 200 ms.")
    assert run.statuses == {"slow": "error", "after": "completed"}
    assert run.stored.row.status is Status.COMPLETED


async def test_a_flow_time_out_cancels_bodies_before_the_flow_fails() -> None:
    body, lab, build = endless()
    run = await lab.run(build.build(), flowTimeoutMs=1)
    assert body.cancelled
    assert lines(run)[-3:] == [
        "4 node:status-changed slow error",
        "5 node:failed slow Node slow was stopped: Flow execution timed out after 1 ms",
        "6 flow:failed Flow execution timed out after 1 ms",
    ]
    assert run.stored.row.status is Status.FAILED
    assert run.stored.row.error_message == "Flow execution timed out after 1 ms"


async def test_a_flow_whose_time_is_over_already_ends_at_once() -> None:
    _, lab, build = endless()
    segment = await lab.begin(build.build(), flowTimeoutMs=0)
    await lab.work(segment)
    assert (await lab.seen(segment.execution_id)).last.type is EventType.FLOW_FAILED


async def test_a_node_of_a_lost_worker_does_not_run_again_only_to_be_stopped() -> None:
    body, lab, build = endless()
    segment = await lab.begin(build.build())
    first = asyncio.create_task(lab.work(segment))
    await body.begun.wait()
    first.cancel()
    await asyncio.wait([first])
    seen = await lab.seen(segment.execution_id)
    other, again = await seen.crashed_at(len(seen.events))
    lease = await other.journal.claim(again, WORKER.id)
    assert lease is not None
    await other.service.stop(LOCAL, seen.id, reason="enough")
    third = await other.journal.hand_over(lease)
    assert third is not None
    body.begun.clear()
    await other.work(third)
    assert not body.begun.is_set()
    assert [line.partition(" ")[2] for line in lines(await other.seen(seen.id))[-3:]] == [
        "node:status-changed slow error",
        f"node:failed slow {STOPPED}",
        "flow:cancelled enough",
    ]


async def test_stop_cancels_bodies_before_the_flow_is_cancelled() -> None:
    body, lab, build = endless()
    run = await stopped(lab, await lab.begin(build.build()), body.begun)
    assert body.cancelled
    assert lines(run)[-3:] == [
        "4 node:status-changed slow error",
        f"5 node:failed slow {STOPPED}",
        "6 flow:cancelled enough",
    ]
    assert run.stored.row.status is Status.STOPPED


async def test_a_body_may_have_the_last_word_when_it_is_stopped() -> None:
    begun = asyncio.Event()

    @node(kind="pure")
    async def slow() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise NodeError("not finished") from None

    lab, build = lab_of(slow)
    build.add("Slow", "slow")
    run = await stopped(lab, await lab.begin(build.build()), begun)
    assert run.failure("slow") == ("Error", "not finished")


@pytest.mark.parametrize("last_word", [None, NodeError("not finished")])
async def test_a_worker_that_is_shut_down_records_nothing_more(
    last_word: Exception | None,
) -> None:
    begun = asyncio.Event()

    @node(kind="pure")
    async def slow() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if last_word is not None:
                raise last_word from None
            raise

    lab, build = lab_of(slow)
    build.add("Slow", "slow")
    segment = await lab.begin(build.build())
    work = asyncio.create_task(lab.work(segment))
    await begun.wait()
    await lab.until(segment.execution_id, "node:started", "slow")
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    run = await lab.seen(segment.execution_id)
    assert run.last.type is EventType.NODE_STARTED


async def test_a_body_that_cancels_itself_fails_its_node() -> None:
    @node(kind="pure")
    async def slow() -> None:
        raise asyncio.CancelledError

    lab, build = lab_of(slow)
    build.add("Slow", "slow")
    run = await lab.run(build.build())
    assert run.failure("slow") == ("Error", "The body cancelled itself")
    assert run.last.type is EventType.FLOW_COMPLETED


async def test_quick_bodies_run_on_the_loop_and_other_sync_bodies_in_daemon_threads() -> None:
    seen: dict[str, threading.Thread] = {}

    @node(kind="pure", quick=True)
    def quick() -> None:
        seen["quick"] = threading.current_thread()

    @node(kind="pure")
    def slow() -> None:
        seen["slow"] = threading.current_thread()

    lab, build = lab_of(quick, slow)
    build.add("Quick")
    build.add("Slow")
    await lab.run(build.build())
    assert seen["quick"] is threading.current_thread()
    assert seen["slow"] is not threading.current_thread()
    assert seen["slow"].daemon


async def test_a_blocked_thread_does_not_delay_the_end_and_its_late_result_is_dropped() -> None:
    begun, release = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    after: list[bool] = []
    over = asyncio.Event()

    @node()
    def slow(ctx: Context) -> str:
        loop.call_soon_threadsafe(begun.set)
        release.wait()
        after.append(ctx.cancelled)
        ctx.log("too late")
        loop.call_soon_threadsafe(over.set)
        return "late"

    lab, build = lab_of(slow)
    build.add("Slow", "slow")
    run = await stopped(lab, await lab.begin(build.build()), begun)
    assert run.last.type is EventType.FLOW_CANCELLED
    assert run.failure("slow") == ("Error", STOPPED)

    release.set()
    await over.wait()
    assert after == [True]
    assert (await lab.seen(run.id)).events == run.events
