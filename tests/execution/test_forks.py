"""Forks and retries as executions: what runs, what comes out, and what their journals look like."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from chaingraph.engine.events import EventType
from chaingraph.errors import BadInput, FlowNotFound, Forbidden, IdempotencyConflict
from chaingraph.execution.forks import Forks
from chaingraph.execution.intake import Prepared
from chaingraph.execution.principals import LOCAL, Principal
from chaingraph.execution.recorder import BLOB_BYTES
from chaingraph.execution.records import Command, CommandKind, Segment, Status
from chaingraph.flow.build import FlowBuilder
from chaingraph.flow.model import Flow
from tests.execution.fork_bench import Bench, forked, forks, results, retried, start_of
from tests.laboratory import Lab, Run, started


def chain(build: FlowBuilder) -> Flow:
    a = build.add("Join", "a", own="1")
    b = build.add("Join", "b", a=a["result"], own="2")
    build.add("Join", "c", a=b["result"], own="3")
    return build.build()


async def test_a_fork_runs_from_its_nodes_on_and_ends_as_the_old_one() -> None:
    bench = Bench()
    lab, build = bench.lab()
    old = await lab.run(chain(build))
    fork = await forked(old, "b")
    assert bench.calls == {"a": 1, "b": 2, "c": 2}
    assert results(fork) == results(old)
    assert fork.statuses == old.statuses
    assert fork.stored.row.status is Status.COMPLETED


async def test_a_fork_says_where_it_comes_from_and_is_a_root_of_its_own() -> None:
    lab, build = Bench().lab()
    old = await lab.run(chain(build), nodeTimeoutMs=5000)
    fork = await forked(old, "c", "b")
    row = fork.stored.row
    assert row.forked_from == old.id
    assert fork.events[0].data["forkedFrom"] == {"executionId": old.id, "nodes": ["b", "c"]}
    assert (row.root_execution_id, row.parent_execution_id, row.execution_depth) == (
        row.id,
        None,
        0,
    )
    assert row.options == old.stored.row.options
    assert fork.stored.dispatch.snapshot == old.stored.dispatch.snapshot


async def test_what_is_taken_over_comes_before_the_start_and_is_shown_as_it_was() -> None:
    lab, build = Bench().lab()
    old = await lab.run(chain(build))
    fork = await forked(old, "c")
    assert started(fork.events[: start_of(fork)]) == ["a", "b"]
    assert started(fork.events[start_of(fork) :]) == ["c"]
    assert await completions(fork) == await completions(old)


async def completions(run: Run) -> list[Any]:
    """The nodes as subscribers see them at their completions."""
    events = await run.lab.full(run.id)
    return [each.data["node"].value for each in events if each.type == "node:completed"]


async def test_a_replaced_input_goes_before_what_its_edges_bring() -> None:
    bench = Bench()
    lab, build = bench.lab()
    old = await lab.run(chain(build))
    fork = await forked(old, "b", inputs={"b.a": "new", "c.own": "4"})
    assert results(fork) == {"a": "a(1)", "b": "b(new2)", "c": "c(b(new2)4)"}
    assert results(await lab.seen(old.id)) == results(old)


async def test_inputs_of_what_is_taken_over_cannot_be_replaced() -> None:
    lab, build = Bench().lab()
    old = await lab.run(chain(build))
    with pytest.raises(BadInput, match=r"a\.own"):
        await forked(old, "b", inputs={"a.own": "4"})
    with pytest.raises(BadInput, match=r"no input port b\.nothing"):
        await forked(old, "b", inputs={"b.nothing": "4"})


async def test_a_diamond_runs_again_on_one_side() -> None:
    bench = Bench()
    lab, build = bench.lab()
    a = build.add("Join", "a")
    left, right = (build.add("Join", name, a=a["result"]) for name in ("left", "right"))
    build.add("Join", "d", a=left["result"], b=right["result"])
    old = await lab.run(build.build())
    fork = await forked(old, "left", inputs={"left.own": "!"})
    assert bench.calls == {"a": 1, "left": 2, "right": 1, "d": 2}
    assert fork.value("d", "result") == "d(left(a()!)right(a()))"


async def test_a_fork_of_a_branch_may_take_the_other_arm() -> None:
    bench = Bench()
    lab, build = bench.lab()
    first = build.add("Join", "first")
    branch = build.add("BranchNode", "branch", leftValue=first["result"], rightValue="first()")
    build.connect(branch["result"], build.add("Join", "then")["__execute"])
    build.add("Join", "beside", a=first["result"])
    old = await lab.run(build.build())
    assert old.statuses["then"] == "completed"
    fork = await forked(old, "branch", inputs={"branch.rightValue": "else"})
    assert fork.statuses == {**old.statuses, "then": "skipped"}
    again = await forked(fork, "beside")
    assert again.statuses == fork.statuses
    assert bench.calls == {"first": 1, "then": 1, "beside": 2}


async def test_a_caught_error_stays_caught() -> None:
    bench = Bench(to_fail=Counter(a=2))
    lab, build = bench.lab()
    a = build.add("Join", "a")
    caught = build.add("Join", "caught", a=a["__errorMessage"])
    build.connect(a["__error"], caught["__execute"])
    build.add("Join", "after", a=a["result"])
    old = await lab.run(build.build())
    assert old.statuses == {"a": "error", "caught": "completed", "after": "skipped"}
    fork = await forked(old, "caught")
    assert bench.calls == {"a": 1, "caught": 2}
    assert fork.value("caught", "result") == "caught(a broke)"
    assert fork.statuses == old.statuses


async def test_a_retry_goes_on_where_it_failed() -> None:
    bench = Bench(to_fail=Counter(b=1))
    lab, build = bench.lab()
    old = await lab.run(chain(build))
    assert old.statuses == {"a": "completed", "b": "error", "c": "skipped"}
    fork = await retried(old)
    assert bench.calls == {"a": 1, "b": 2, "c": 1}
    assert fork.value("c", "result") == "c(b(a(1)2)3)"
    with pytest.raises(BadInput, match="nothing to retry"):
        await retried(fork)


async def test_a_group_runs_again_without_the_others_inside_it() -> None:
    bench = Bench()
    lab, build = bench.lab()
    group = build.add("GroupNode", "group")
    build.add("Join", "x", parent=group)
    build.add("Join", "y", parent=group)
    old = await lab.run(build.build())
    fork = await forked(old, "x")
    assert bench.calls == {"x": 2, "y": 1}
    assert fork.statuses == old.statuses
    assert len(fork.all(EventType.NODE_COMPLETED, "group")) == 1


async def test_a_stream_that_was_sent_is_read_again() -> None:
    bench = Bench()
    lab, build = bench.lab()
    spell = build.add("Spell", "spell", text="abc")
    build.add("Read", "read", stream=spell["stream"])
    old = await lab.run(build.build())
    fork = await forked(old, "read")
    assert bench.calls == {"spell": 1, "read": 2}
    assert fork.value("read", "result") == "abc"
    assert results(await forked(old, "spell", inputs={"spell.text": "xy"}))["read"] == "xy"


async def test_large_values_are_taken_over() -> None:
    bench = Bench()
    lab, build = bench.lab()
    grow = build.add("Grow", "grow", size=BLOB_BYTES + 1)
    build.add("Join", "last", a=grow["result"])
    old = await lab.run(build.build())
    fork = await forked(old, "last")
    assert bench.calls == {"grow": 1, "last": 2}
    assert "x" * BLOB_BYTES in str((await completions(fork))[0])


async def test_a_stopped_execution_goes_on_in_its_fork() -> None:
    bench = Bench()
    lab, build = bench.lab()
    a = build.add("Join", "a")
    hold = build.add("Hold", "hold", a=a["result"])
    build.add("Join", "last", a=hold["result"])
    segment = await lab.begin(build.build())
    work = asyncio.create_task(lab.work(segment))
    await bench.holding.wait()
    running = await forked(await lab.seen(segment.execution_id))
    await lab.service.stop(LOCAL, segment.execution_id)
    await work
    stopped = await lab.seen(segment.execution_id)
    assert stopped.stored.row.status is Status.STOPPED
    for fork in (running, await forked(stopped), await retried(stopped)):
        assert fork.value("last", "result") == "last(held a())"
    assert bench.calls == {"a": 1, "hold": 4, "last": 3}


async def test_a_fork_has_all_the_time_of_a_new_execution() -> None:
    lab, build = Bench().lab()
    old = await lab.run(chain(build), flowTimeoutMs=5000)
    lab.clock.move(60_000)
    fork = await forked(old, "c")
    assert fork.stored.row.status is Status.COMPLETED


async def test_a_node_that_was_answered_is_not_asked_again() -> None:
    bench = Bench()
    lab, build = bench.lab()
    ask = build.add("Ask", "ask")
    build.add("Join", "last", a=ask["result"])
    segment = await lab.begin(build.build())
    await lab.work(segment)
    signal = Command("s", CommandKind.SIGNAL, "local", {"name": "go", "value": "yes"})
    await lab.journal.deliver(segment.execution_id, signal)
    await lab.work(replace(segment, number=2))
    fork = await forked(await lab.seen(segment.execution_id), "last")
    assert fork.value("last", "result") == "last(yes)"
    assert bench.calls == {"ask": 1, "last": 2}


async def test_a_fork_of_an_execution_that_an_event_started_leaves_out_the_same_nodes() -> None:
    bench = Bench()
    lab, build = bench.lab()
    heard = build.add("Listen", "listen", eventName="go")
    build.add("Join", "bound", a=heard["heard"])
    build.add("Join", "free")
    old = await lab.run(build.build(), events=[{"eventName": "go", "payload": {}}])
    fork = await forked(old, "bound", inputs={"bound.own": "!"})
    assert fork.value("bound", "result") == "bound(yes!)"
    assert bench.calls == {"listen": 1, "bound": 2}
    with pytest.raises(BadInput, match="bound to the event"):
        await forked(old, "bound", inputs={"bound.a": "!"})


async def test_what_did_not_begin_yet_is_forked_too() -> None:
    lab, build = Bench().lab()
    segment = await lab.begin(chain(build))
    fork = await forked(await lab.seen(segment.execution_id))
    assert fork.value("c", "result") == "c(b(a(1)2)3)"


async def test_a_fork_may_wait_for_its_start() -> None:
    lab, build = Bench().lab()
    old = await lab.run(chain(build))
    made = await forks(lab).fork(LOCAL, old.stored, nodes=["b"], start=False)
    assert (await lab.service.details(LOCAL, made)).status is Status.CREATED
    await lab.service.start(LOCAL, made)
    await lab.work(Segment(made, 1))
    assert (await lab.service.details(LOCAL, made)).status is Status.COMPLETED


async def test_a_newer_flow_runs_from_the_fork_on() -> None:
    bench = Bench()
    lab, build = bench.lab()
    old = await lab.run(chain(build))
    newer = FlowBuilder("bench", lab.catalog, id="bench")
    a = newer.add("Join", "a", own="other")
    b = newer.add("Join", "b", a=a["result"], own="better")
    newer.add("Join", "z", a=b["result"], b=a["result"])
    await lab.service.import_flow(LOCAL, newer.build())
    fork = await forked(old, "b", newer=True)
    assert results(fork) == {"a": "a(1)", "b": "b(a(1)better)", "z": "z(b(a(1)better)a(1))"}
    assert fork.value("a", "own") == "1"
    with pytest.raises(BadInput, match=r"newer flow bench: Node c has run, and the newer flow"):
        await forked(old, newer=True)


async def test_a_newer_flow_is_there_and_the_owners_whoever_asks() -> None:
    lab, build = Bench().lab()
    old = await lab.run(chain(build))
    row = replace(old.stored.row, owner_id="bob")
    for caller in (LOCAL, Principal("bob")):
        with pytest.raises(Forbidden, match="flow bench"):
            await forks(lab).fork(caller, replace(old.stored, row=row), newer=True)
    elsewhere = Forks(lab.journal, Lab(lab.catalog).flows, _unasked, lab.clock)
    with pytest.raises(FlowNotFound):
        await elsewhere.fork(LOCAL, old.stored, newer=True)


async def _unasked(flow: Flow, inputs: Mapping[str, Any] | None, owner: str) -> Prepared:
    raise AssertionError


async def test_the_same_key_gives_the_same_fork_for_the_same_input_only() -> None:
    lab, build = Bench().lab()
    old = await lab.run(chain(build))
    fork = forks(lab).fork
    first = await fork(LOCAL, old.stored, nodes=["b", "c"], idempotency_key="k")
    assert await fork(LOCAL, old.stored, nodes=["c", "b"], idempotency_key="k") == first
    with pytest.raises(IdempotencyConflict):
        await fork(LOCAL, old.stored, nodes=["c"], idempotency_key="k")
    somebody = Principal("somebody", "admin")
    assert await fork(somebody, old.stored, nodes=["c"], idempotency_key="k") != first


async def test_what_came_after_the_fork_was_asked_for_is_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chaingraph.execution.forks.PAGE", 3)
    bench = Bench()
    lab, build = bench.lab()
    old = await lab.run(chain(build))
    seen = old.one(EventType.NODE_COMPLETED, "b").position
    earlier = replace(old.stored.dispatch, next_position=seen)
    fork = await forked(replace(old, stored=replace(old.stored, dispatch=earlier)))
    assert bench.calls == {"a": 1, "b": 2, "c": 2}
    assert results(fork) == results(old)


async def test_what_another_system_ran_cannot_be_forked() -> None:
    lab, build = Bench().lab()
    old = await lab.run(chain(build))
    adopted = replace(old.stored, dispatch=replace(old.stored.dispatch, snapshot=""))
    with pytest.raises(BadInput, match="another system"):
        await forks(lab).fork(LOCAL, adopted)
