"""Nodes and flows that wait, are held, try again, and have children."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chaingraph.engine.authoring import Context, NodeError, node
from chaingraph.engine.waits import Sleep
from chaingraph.flow.build import FlowBuilder
from tests.crash.effects import effect, effects_file, gate

Draw = Callable[[FlowBuilder], None]


def _nap(ms: float) -> Sleep:
    return Sleep(ms)


@node(kind="pure", waits=_nap)
def nap(number: float = 0, ms: float = 0) -> float:
    """A sleep that is a durable wait however short it is."""
    return number + 1


@node(kind="effect")
async def flaky(ctx: Context, number: float = 0) -> float:
    effect(ctx, "effect")
    if ctx.attempt < 3:
        raise NodeError("not yet")
    return number + 5


@node(kind="effect")
async def closed(ctx: Context, number: float = 0) -> float:
    effect(ctx, "effect")
    if not gate(effects_file()).exists():
        raise NodeError("closed")
    return number + 50


@node(kind="effect", output="told")
async def tell(
    ctx: Context, names: list[str], count: float = 1, payload: dict[str, Any] | None = None
) -> dict[str, Any] | None:
    """Emits an event of each name, so often."""
    effect(ctx, "effect")
    for name in names:
        for n in range(int(count)):
            ctx.emit_event(name, {"n": n})
    return payload


@node(kind="effect")
async def again(ctx: Context, payload: dict[str, Any] | None = None, depth: float = 0) -> None:
    """Emits the event that it has heard, down to this depth."""
    effect(ctx, "effect")
    if ctx.execution_depth < depth:
        ctx.emit_event("again", {})


OWN = (nap, flaky, closed, tell, again)


def held(flow: FlowBuilder) -> None:
    first = flow.add("Slow", "first", number=1, seconds=0.1)
    wait = flow.add("WaitForSignalNode", "wait", name="go")
    flow.connect(first["__success"], wait["__execute"])
    flow.add("Pay", "after", number=wait["value"])


def signalled(flow: FlowBuilder) -> None:
    first = flow.add("Pay", "first", number=1)
    early = flow.add("WaitForSignalNode", "early", name="early")
    late = flow.add("WaitForSignalNode", "late", name="late")
    flow.connect(first["__success"], early["__execute"])
    flow.connect(early["__success"], late["__execute"])
    flow.add("AddUp", "sum", a=early["value"], b=late["value"])


def timed(flow: FlowBuilder) -> None:
    first = flow.add("Pay", "first", number=1)
    nap = flow.add("Nap", "nap", number=first["result"], ms=300)
    late = flow.add("WaitForSignalNode", "late", name="never", timeoutMs=300, default=5)
    flow.connect(nap["__success"], late["__execute"])
    flow.add("Pay", "after", number=late["value"])


def tried(flow: FlowBuilder) -> None:
    first = flow.add("Pay", "first", number=1)
    flaky = flow.add(
        "Flaky", "flaky", number=first["result"], retry={"attempts": 9, "delayMs": 200}
    )
    flow.add("Pay", "after", number=flaky["result"])


def failing(flow: FlowBuilder) -> None:
    first = flow.add("Pay", "first", number=1)
    closed = flow.add("Closed", "closed", number=first["result"])
    flow.add("Pay", "after", number=closed["result"])
    flow.add("Pay", "beside", number=first["result"])


def exhausted(flow: FlowBuilder) -> None:
    first = flow.add("Pay", "first", number=1)
    policy = {"attempts": 2, "delayMs": 10, "then": "pause"}
    closed = flow.add("Closed", "closed", number=first["result"], retry=policy)
    flow.add("Pay", "after", number=closed["result"])


def family(flow: FlowBuilder) -> None:
    """Two children, one of which has a child."""
    flow.add("Tell", "root", names=["a", "b"])
    a = flow.add("EventListenerNodeV2", "a", eventName="a")
    b = flow.add("EventListenerNodeV2", "b", eventName="b")
    c = flow.add("EventListenerNodeV2", "c", eventName="c")
    flow.add("Tell", "of_a", names=["c"], payload=a["eventPayload"])
    flow.add("Tell", "of_b", names=[], payload=b["eventPayload"])
    flow.add("Tell", "of_c", names=[], payload=c["eventPayload"])


def waiting_family(flow: FlowBuilder) -> None:
    """As `family`; each child waits for the signal `go`."""
    flow.add("Tell", "root", names=["a", "b"])
    for name, children in (("a", ["c"]), ("b", []), ("c", [])):
        heard = flow.add("EventListenerNodeV2", name, eventName=name)
        told = flow.add("Tell", f"of_{name}", names=children, payload=heard["eventPayload"])
        wait = flow.add("WaitForSignalNode", f"wait_{name}", name="go")
        flow.connect(told["__success"], wait["__execute"])
        flow.add("Pay", f"after_{name}", number=wait["value"])


def calling(flow: FlowBuilder) -> None:
    first = flow.add("Pay", "first", number=1)
    called = flow.add("RunFlowNode", "called", flowId="V2chain")
    flow.connect(first["__success"], called["__execute"])
    flow.add("DeliverText", "after", text=called["status"])


def brood(flow: FlowBuilder, count: float, work: Callable[[FlowBuilder], str]) -> None:
    """So many children, each of which does this work when it is born."""
    flow.add("Tell", "root", names=["born"], count=count)
    born = flow.add("EventListenerNodeV2", "born", eventName="born")
    flow.connect(born["__success"], f"{work(flow)}.__execute")


def two(flow: FlowBuilder) -> None:
    """So long that they wait for it without a worker."""
    brood(flow, 2, lambda f: f.add("Nap", "child", number=1, ms=4_000).id)


def hundred(flow: FlowBuilder) -> None:
    brood(flow, 100, lambda f: f.add("Slow", "child", number=1, seconds=0.1).id)


def thousand(flow: FlowBuilder) -> None:
    brood(flow, 1000, lambda f: f.add("SleepNode", "child", duration=3_600_000).id)


def generations(flow: FlowBuilder) -> None:
    """A child of a child of a child, a hundred times."""
    flow.add("Tell", "root", names=["again"])
    heard = flow.add("EventListenerNodeV2", "heard", eventName="again")
    flow.add("Again", "next", payload=heard["eventPayload"], depth=100)


#: The flows that flows call.
CALLED = {"calling": ("chain",)}
FLOWS = (
    held, signalled, timed, tried, failing, exhausted, family, waiting_family, calling, two,
    hundred, thousand, generations,
)  # fmt: skip
