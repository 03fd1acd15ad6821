"""Secrets in a run: bodies get them, journals and messages do not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from chaingraph.engine.authoring import (
    Context,
    NodeError,
    Secret,
    Stream,
    StreamWriter,
    node,
    passthrough,
    port,
)
from chaingraph.engine.events import EventType
from chaingraph.errors import BadInput, BadNodeType, IdempotencyConflict
from chaingraph.execution.beginning import input_hash
from chaingraph.execution.intake import flow_json
from chaingraph.execution.ports import NewExecution
from chaingraph.execution.principals import LOCAL
from chaingraph.execution.vault import KeyVault
from chaingraph.flow.build import FlowBuilder
from chaingraph.flow.codec import read_flow, write_flow
from chaingraph.flow.ports import Port
from chaingraph.flow.secrets import MASK, is_sealed
from chaingraph.nodes.waits import RunFlowNode
from tests.laboratory import VAULT, Lab, Run, lab_of

PLAIN = "sk-very/secret key"
OpenAi = Annotated[Secret, port(secret_type="openai")]


@node(kind="pure", quick=True)
def length(key: OpenAi) -> float:
    return len(key.reveal())


@node(kind="pure", quick=True)
def issue(text: str) -> OpenAi:
    return Secret(f"{text}-{PLAIN}")


@node(kind="pure", quick=True)
class Pass:
    key: Secret | None = passthrough(None)


@node(kind="pure", quick=True)
def count(keys: list[Secret]) -> float:
    return sum(len(each.reveal()) for each in keys)


@node()
async def tell(key: Secret, ctx: Context) -> str:
    ctx.log(f"with {key.reveal()} and {key}")
    raise ConnectionError(f"401 for https://host/?key={key.fields['value']} ({key.reveal()!r})")


@node(kind="pure", quick=True)
def leak(key: Secret) -> Any:
    return {"nested": [key]}


@node(kind="pure", quick=True)
def wrong(key: Secret) -> float:
    return key.reveal()  # type: ignore[return-value]


@node(kind="pure", quick=True)
def hush(data: Annotated[dict[str, Any], port(sensitive=True)]) -> str:
    raise NodeError(f"{sorted(data)} {data['pin']}")


def bench(*things: object) -> tuple[Lab, FlowBuilder]:
    return lab_of(length, issue, Pass, count, tell, leak, wrong, *things)


async def test_a_body_gets_the_secret_and_the_journal_never() -> None:
    lab, build = bench()
    build.add("Length", "a", key=PLAIN)
    build.add("Length", "b", key={"apiKey": PLAIN})
    build.add("Length", "c", key=Secret(PLAIN))
    run = await lab.run(build.build())
    assert [run.value(each, "result") for each in "abc"] == [len(PLAIN)] * 3
    assert is_sealed(run.value("a", "key"))
    assert "very" not in await written(run)


async def written(run: Run) -> str:
    """All that is kept of an execution and its flow, and all that is shown of it."""
    entries = await run.lab.journal.read(run.id, 0, 1_000)
    stored = await run.lab.service.flow(LOCAL, run.stored.row.flow_id)
    snapshot = await run.lab.journal.flow_of(run.stored.dispatch.snapshot)
    shown = [each.data for each in await run.lab.full(run.id)]
    row = run.stored.row
    return f"{entries} {stored} {snapshot!r} {shown} {row}"


async def test_a_secret_that_a_body_makes_is_sealed_and_opened_again() -> None:
    lab, build = bench()
    made = build.add("Issue", text="new")
    build.add("Length", "end", key=made["result"])
    run = await lab.run(build.build())
    assert run.value("end", "result") == len(f"new-{PLAIN}")
    assert is_sealed(run.value("issue", "result"))
    assert "very" not in await written(run)


async def test_what_only_passes_through_keeps_its_seal() -> None:
    lab, build = bench()
    build.add("Pass", "a", key=PLAIN)
    run = await lab.run(build.build())
    assert run.one(EventType.NODE_COMPLETED, "a").data["values"] == {}


async def test_lists_hold_secrets_too() -> None:
    lab, build = bench()
    build.add("Count", "a", keys=[PLAIN, Secret(PLAIN)])
    run = await lab.run(build.build())
    assert run.value("a", "result") == 2 * len(PLAIN)
    assert all(map(is_sealed, run.value("a", "keys")))
    assert "very" not in await written(run)


async def test_logs_and_errors_show_a_mask() -> None:
    lab, build = bench()
    failed = build.add("Tell", key=PLAIN, retry={"attempts": 2, "delayMs": 0, "then": "fail"})
    build.add("TextNode", "message", text=failed["__errorMessage"])
    run = await lab.run(build.build())
    [line, _] = run.all(EventType.NODE_DEBUG_LOG, "tell")
    assert line.data["log"] == f"with {MASK} and {MASK}"
    name, message = run.failure("tell")
    assert (name, message) == ("ConnectionError", f"401 for https://host/?key={MASK} ('{MASK}')")
    assert run.value("message", "text") == message
    assert "very" not in await written(run)


async def test_an_error_that_a_stream_carries_on_shows_a_mask() -> None:
    read = asyncio.Event()

    @node(kind="pure", output="items")
    async def source(key: Secret) -> AsyncIterator[str]:
        yield "one"
        await read.wait()
        raise NodeError(f"no more with {key.reveal()}")

    @node(kind="pure", output="all")
    async def join(items: Stream[str]) -> str:
        async for _ in items:
            read.set()
        return ""

    lab, build = bench(source, join)
    writer = build.add("Source", key=PLAIN)
    build.add("Join", items=writer["items"])
    run = await lab.run(build.build())
    assert run.failure("source")[1] == run.failure("join")[1] == f"no more with {MASK}"
    assert "very" not in await written(run)


async def test_a_pause_after_the_last_try_shows_a_mask() -> None:
    lab, build = bench()
    build.add("Tell", key=PLAIN, retry={"attempts": 1, "then": "pause"})
    run = await lab.run(build.build())
    (paused,) = [each for each in run.events if each.type is EventType.FLOW_PAUSED]
    assert MASK in paused.data["reason"]
    assert "very" not in str(run.events)


@pytest.mark.parametrize(
    ("type_", "message"),
    [
        ("Leak", r"port result.nested\[0\]: a secret is kept at secret ports only"),
        ("Wrong", rf"port result: expected a number, got str ('{MASK}')"),
    ],
)
async def test_a_secret_does_not_leave_by_another_port(type_: str, message: str) -> None:
    lab, build = bench()
    build.add(type_, "a", key=PLAIN)
    run = await lab.run(build.build())
    assert run.failure("a")[1] == message.replace("\\", "")
    assert "very" not in await written(run)


async def test_a_text_that_comes_over_an_edge_is_a_secret_for_the_body() -> None:
    lab, build = bench()
    build.add("TextNode", "text", text="plain")
    build.add("Length", "a", key="else")
    flow = build.build()
    edge = {"sourceNodeId": "text", "sourcePortId": "text", "targetNodeId": "a"}
    stored = {**write_flow(flow), "edges": [{**edge, "targetPortId": "key"}]}
    run = await lab.run(read_flow(stored))
    assert run.value("a", "result") == len("plain")


async def test_what_is_sensitive_is_sealed_as_a_whole() -> None:
    lab, build = lab_of(hush)
    build.add("Hush", "a", data={"pin": "very-1234"})
    run = await lab.run(build.build())
    assert is_sealed(run.value("a", "data"))
    assert run.failure("a")[1] == f"['pin'] {MASK}"
    assert "very" not in await written(run)


async def test_a_secret_goes_to_another_flow_of_the_owner() -> None:
    lab, build = bench(RunFlowNode)
    build.add("Count", "use", keys=[])
    other = build.build()
    await lab.service.import_flow(LOCAL, other)
    caller = FlowBuilder("caller", lab.catalog)
    made = caller.add("Issue", text="new")
    run = caller.add("RunFlowNode", "run", flowId=other.id)
    caller.connect(made["result"], run["inputs.use.keys[0]"])
    segment = await lab.begin(caller.build())
    await lab.settle()
    ended = await lab.seen(segment.execution_id)
    assert ended.value("run", "outputs") == {"use.result": len(f"new-{PLAIN}")}
    assert "very" not in await written(ended)


async def test_a_secret_of_another_owner_does_not_open() -> None:
    lab, build = bench()
    build.add("Length", "a", key=dict(VAULT.seal({"apiKey": PLAIN}, "somebody else")))
    run = await lab.run(build.build())
    name, message = run.failure("a")
    assert name == "SecretUnreadable"
    assert message.startswith("The secret at port a.key cannot be opened: it was sealed with a key")


async def test_what_was_sealed_goes_on_after_a_crash_anywhere() -> None:
    lab, build = bench()
    made = build.add("Issue", text="new")
    build.add("Length", "end", key=made["result"])
    build.add("Pass", key=PLAIN)
    run = await lab.run(build.build())
    for cut in run.cuts():
        resumed = await run.resumed_at(cut)
        assert resumed.value("end", "result") == run.value("end", "result")
        assert "very" not in str(resumed.events)


async def test_flows_are_stored_sealed_and_go_round() -> None:
    lab, build = bench()
    build.add("Length", "a", key=PLAIN)
    flow = build.build()
    first = await lab.service.import_flow(LOCAL, flow)
    assert "very" not in str(first.data)
    again = await lab.service.import_flow(LOCAL, flow)
    assert again.version == 1
    put = await lab.service.store_flow(LOCAL, again.data)
    assert (put.version, put.data) == (1, first.data)
    document = {"nodes": {"a": {"type": "Length", "inputs": {"key": PLAIN}}}}
    assert "very" not in str((await lab.service.store_flow(LOCAL, document)).data)


async def test_a_plain_secret_in_the_database_of_an_editor_is_sealed_in_the_snapshot() -> None:
    lab, build = bench()
    build.add("Length", "a", key=PLAIN)
    await lab.flows.put(flow_json(build.build()), "local")
    flow_id = build.build().id
    snapshots = set()
    for _ in range(2):
        row = await lab.journal.get(await lab.service.create(LOCAL, flow_id))
        assert row is not None
        snapshots.add(row.dispatch.snapshot)
    (snapshot,) = snapshots
    assert b"very" not in await lab.journal.flow_of(snapshot)


async def test_inputs_are_sealed_and_the_same_input_is_the_same_execution() -> None:
    lab, build = bench()
    build.add("Length", "a", key="other")
    flow = build.build()
    await lab.service.import_flow(LOCAL, flow)

    async def create(key: Any) -> str:
        return await lab.service.create(
            LOCAL, flow.id, inputs={"a.key": key}, idempotency_key="once"
        )

    execution_id = await create(PLAIN)
    assert await create(PLAIN) == await create({"apiKey": PLAIN}) == execution_id
    with pytest.raises(IdempotencyConflict) as caught:
        await create("another")
    assert "another" not in str(caught.value)
    await lab.service.start(LOCAL, execution_id)
    await lab.settle()
    run = await lab.seen(execution_id)
    assert run.value("a", "result") == len(PLAIN)
    assert "very" not in await written(run)


async def test_what_tells_equal_inputs_does_not_tell_the_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lab, build = bench()
    build.add("Length", "a", key="other")
    flow = build.build()
    await lab.service.import_flow(LOCAL, flow)
    hashes: list[str] = []

    async def create(new: NewExecution) -> str:
        hashes.append(new.input_hash)
        return new.id

    monkeypatch.setattr(lab.journal, "create", create)
    given = {"a.key": {"apiKey": PLAIN}}
    await lab.service.create(LOCAL, flow.id, inputs=given)
    sealed = {"a.key": VAULT.seal(given["a.key"], "local")}
    guesses = [input_hash((flow.id, None, None, None, each)) for each in (given, sealed)]
    assert hashes == guesses[1:]


async def test_a_wrong_input_is_refused_without_showing_it() -> None:
    lab, build = bench()
    build.add("Length", "a", key="other")
    flow = build.build()
    await lab.service.import_flow(LOCAL, flow)
    for given in ({"password": PLAIN}, [PLAIN], 1234):
        with pytest.raises(BadInput, match=r"port a\.key: expected a secret") as caught:
            await lab.service.create(LOCAL, flow.id, inputs={"a.key": given})
        assert "very" not in str(caught.value)


async def test_a_fork_takes_a_new_secret() -> None:
    lab, build = bench()
    build.add("Length", "a", key="expired key")
    run = await lab.run(build.build())
    forked = await lab.service.fork(LOCAL, run.id, nodes=["a"], inputs={"a.key": PLAIN})
    await lab.settle()
    fork = await lab.seen(forked)
    assert (run.value("a", "result"), fork.value("a", "result")) == (11, len(PLAIN))
    assert "very" not in await written(fork)


async def test_an_imported_journal_opens_only_with_its_key() -> None:
    lab, build = bench()
    build.add("Issue", "first", text="x")
    build.add("Length", "a", key=PLAIN)
    run = await lab.run(build.build())
    elsewhere, segment = await run.crashed_at(1)
    elsewhere.world = elsewhere.world_with(vault=KeyVault(lambda: (b"k" * 32,)))
    await elsewhere.work(segment)
    name, message = (await elsewhere.seen(run.id)).failure("a")
    assert name == "SecretUnreadable"
    assert "a key that is not here" in message


@dataclass
class Account:
    key: Secret


def inside(account: Account) -> str:
    return ""


def streamed(out: StreamWriter[Secret]) -> None: ...


def given(key: Secret = Secret(PLAIN)) -> str:  # noqa: B008
    return ""


def sensitive(pin: Annotated[str, port(sensitive=True)] = PLAIN) -> str:
    return ""


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (inside, "a secret is a port of its own, not a part of Account"),
        (streamed, "the items of a stream must be plain values"),
        (given, "a secret has no default"),
        (sensitive, "a secret has no default"),
    ],
)
def test_a_port_that_could_not_keep_its_secret_is_refused(function: Any, reason: str) -> None:
    with pytest.raises(BadNodeType, match=reason) as caught:
        node()(function)
    assert "very" not in str(caught.value)


def test_the_port_of_a_secret_says_its_type() -> None:
    declared: Port = length.node_type.ports["key"]  # type: ignore[attr-defined]
    assert declared.config["secretType"] == "openai"
    assert json.loads(json.dumps(dict(declared.config)))["type"] == "secret"
