"""Small nodes of every kind, and flows of them. What has an effect says so in a file."""

from __future__ import annotations

import asyncio
import os
import time

from chaingraph.engine.authoring import Context, NodeError, Stream, node, node_type_of
from chaingraph.engine.catalog import Catalog
from chaingraph.flow.build import FlowBuilder
from chaingraph.flow.model import Flow
from chaingraph.nodes import builtin_catalog
from tests.crash import steered
from tests.crash.effects import effect, effects_file, gate
from tests.crash.steered import Draw


@node(kind="pure", quick=True)
def add_one(number: float = 0) -> float:
    return number + 1


@node(kind="pure")
async def later(number: float = 0) -> float:
    await asyncio.sleep(0.001)
    return number + 1


@node(kind="effect")
async def pay(ctx: Context, number: float = 0) -> float:
    effect(ctx, "effect")
    await asyncio.sleep(0)
    return number + 10


@node(kind="effect")
def pay_in_thread(ctx: Context, number: float = 0) -> float:
    effect(ctx, "effect")
    return number + 100


@node(kind="once")
async def launch(ctx: Context, number: float = 0) -> float:
    effect(ctx, "once")
    return number + 1000


@node(kind="effect")
async def explode(ctx: Context, number: float = 0) -> float:
    effect(ctx, "effect")
    raise NodeError(f"no {number:g}")


@node(kind="effect")
async def deliver_text(ctx: Context, text: str = "") -> str:
    effect(ctx, "effect")
    return f"delivered: {text}"


@node(kind="effect")
async def consume(ctx: Context, stream: Stream[str] | None = None) -> str:
    effect(ctx, "effect")
    return "|".join([item async for item in stream]) if stream is not None else ""


@node(kind="effect", output="total")
async def add_up(ctx: Context, a: float = 0, b: float = 0, c: float = 0) -> float:
    effect(ctx, "effect")
    return a + b + c


@node(kind="effect")
async def slow(ctx: Context, number: float = 0, seconds: float = 0) -> float:
    effect(ctx, "effect")
    await asyncio.sleep(seconds)
    return number + 1


@node(kind="effect")
async def gated(ctx: Context, number: float = 0) -> float:
    effect(ctx, "effect")
    opened = gate(effects_file())
    while True:
        if await asyncio.to_thread(opened.exists):
            return number + 1
        await asyncio.sleep(0.05)


@node(kind="pure", quick=True)
def spin(ctx: Context, seconds: float = 0) -> float:
    effect(ctx, "pure")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return seconds


@node(kind="effect")
async def die(ctx: Context, number: float = 0) -> float:
    effect(ctx, "effect")
    os._exit(66)


OWN = (
    add_one, later, pay, pay_in_thread, launch, explode, deliver_text, consume, add_up, slow,
    gated, spin, die,
)  # fmt: skip


def catalog() -> Catalog:
    types = builtin_catalog()
    types.add(*map(node_type_of, (*OWN, *steered.OWN)))
    return types


def chain(flow: FlowBuilder) -> None:
    at = flow.add("AddOne", "first", number=1)
    for name, kind in (("a", "Pay"), ("b", "AddOne"), ("c", "PayInThread"), ("d", "AddOne")):
        at = flow.add(kind, name, number=at["result"])


def wide(flow: FlowBuilder) -> None:
    source = flow.add("AddOne", "source", number=1)
    for n in range(3):
        flow.add("Pay", f"pay{n}", number=source["result"])
        flow.add("AddOne", f"pure{n}", number=source["result"])


def diamond(flow: FlowBuilder) -> None:
    top = flow.add("Pay", "top", number=1)
    left = flow.add("PayInThread", "left", number=top["result"])
    right = flow.add("Later", "right", number=top["result"])
    flow.add("AddUp", "bottom", a=left["result"], b=right["result"])


def branch(flow: FlowBuilder) -> None:
    value = flow.add("Pay", "value", number=1)
    test = flow.add("BranchNode", "test", leftValue=value["result"], rightValue=11)
    other = flow.add("NotNode", "other", input=test["result"])
    yes = flow.add("Pay", "yes", number=value["result"])
    no = flow.add("Pay", "no", number=value["result"])
    flow.connect(test["result"], yes["__execute"])
    flow.connect(other["result"], no["__execute"])
    flow.add("Pay", "after_yes", number=yes["result"])
    flow.add("Pay", "after_no", number=no["result"])


def error_catch(flow: FlowBuilder) -> None:
    broken = flow.add("Explode", "broken", number=3)
    flow.add("DeliverText", "caught", text=broken["__errorMessage"])
    flow.add("Pay", "never", number=broken["result"])


def group(flow: FlowBuilder) -> None:
    frame = flow.add("GroupNode", "frame")
    inside = flow.add("Pay", "inside", parent=frame, number=1)
    flow.add("AddOne", "inside2", parent=frame, number=inside["result"])
    flow.add("Pay", "outside", number=inside["result"])


def stream(flow: FlowBuilder) -> None:
    tokens = flow.add("TextStreamNode", "tokens", text="abcdef", chunkSize=2, pause=1)
    flow.add("Consume", "consume", stream=tokens["outputStream"])
    flow.add("StreamBufferNode", "buffer", inputStream=tokens["outputStream"])


def mixed(flow: FlowBuilder) -> None:
    first = flow.add("AddOne", "first", number=1)
    paid = flow.add("Pay", "paid", number=first["result"])
    once = flow.add("Launch", "once", number=paid["result"])
    flow.add("Pay", "after", number=once["result"])
    flow.add("Later", "beside", number=paid["result"])


def endless(flow: FlowBuilder) -> None:
    first = flow.add("AddOne", "first", number=1)
    endless = flow.add("Slow", "endless", number=first["result"], seconds=600)
    flow.add("Pay", "never", number=endless["result"])


def frozen(flow: FlowBuilder) -> None:
    slow = flow.add("Slow", "slow", number=1, seconds=1)
    flow.add("AddOne", "next", number=slow["result"])


def slow_chain(flow: FlowBuilder) -> None:
    first = flow.add("Slow", "first", number=1, seconds=0.05)
    second = flow.add("Slow", "second", number=first["result"], seconds=0.05)
    flow.add("Launch", "once", number=second["result"])
    third = flow.add("Slow", "third", number=second["result"], seconds=0.05)
    flow.add("AddOne", "last", number=third["result"])


def waiting(flow: FlowBuilder) -> None:
    first = flow.add("AddOne", "first", number=1)
    held = flow.add("Gated", "held", number=first["result"])
    flow.add("Pay", "last", number=held["result"])


def busy(flow: FlowBuilder) -> None:
    flow.add("Pay", "beside", number=1)
    spun = flow.add("Spin", "spun", seconds=5)
    flow.add("Pay", "last", number=spun["result"])


def poison(flow: FlowBuilder) -> None:
    first = flow.add("AddOne", "first", number=1)
    flow.add("Die", "deadly", number=first["result"])


def short(flow: FlowBuilder) -> None:
    flow.add("Slow", "only", number=1, seconds=0.15)


#: The flows of the crash matrix.
MATRIX = (chain, wide, diamond, branch, error_catch, group, stream, mixed)
OTHERS = (endless, frozen, slow_chain, waiting, busy, poison, short)
FLOWS: dict[str, Draw] = {each.__name__: each for each in (*MATRIX, *OTHERS, *steered.FLOWS)}


def built(draw: Draw, types: Catalog) -> Flow:
    flow = FlowBuilder(draw.__name__, types, id=f"V2{draw.__name__}")
    draw(flow)
    return flow.build()
