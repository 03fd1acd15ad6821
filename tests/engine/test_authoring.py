from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, ClassVar, NamedTuple

import pytest
from pydantic import BaseModel

from chaingraph.engine.authoring import (
    Context,
    Stream,
    StreamWriter,
    node,
    node_type_of,
    output,
    passthrough,
    port,
)
from chaingraph.engine.channel import Channel, StreamFailed
from chaingraph.engine.node import Kind
from chaingraph.engine.waits import Received, Signal, Sleep, Wait
from chaingraph.errors import BadNodeType, PortError
from chaingraph.flow.ports import Direction, Port, PortType
from tests.nodes.contexts import MemoryContext, run_body


class Colour(Enum):
    RED = "red"
    DARK_BLUE = "dark-blue"


@dataclass
class Point:
    x: float
    y: float = 0


class Line(BaseModel):
    points: list[Point]
    colour: Colour = Colour.RED


class Split(NamedTuple):
    head: str
    tail: Annotated[str, port(title="The rest")] = ""


def ports_of(thing: object) -> dict[str, Port]:
    return dict(node_type_of(thing).ports)


def test_a_function_is_named_and_described_by_its_code() -> None:
    @node()
    def count_words(sourceText: str, limit: int = 3) -> int:
        """Counts.

        More.
        """
        return min(limit, len(sourceText.split()))

    made = node_type_of(count_words)
    assert (made.name, made.title) == ("CountWords", "Count Words")
    assert made.description == "Counts.\n\nMore."
    assert (made.kind, made.quick, made.is_async) == (Kind.EFFECT, False, False)
    assert [(each.key, each.direction, each.config["order"]) for each in made.ports.values()] == [
        ("sourceText", Direction.INPUT, 1),
        ("limit", Direction.INPUT, 2),
        ("result", Direction.OUTPUT, 3),
    ]
    assert made.ports["sourceText"].title == "Source Text"
    assert made.ports["limit"].default == 3


def test_a_decorated_function_is_still_the_function() -> None:
    @node()
    def double(x: float) -> float:
        return x * 2

    assert double(4) == 8


def test_a_function_gets_values_defaults_and_the_context() -> None:
    @node(output="loud")
    def shout(ctx: Context, text: str, mark: str = "!") -> str:
        ctx.log(text)
        return text.upper() + mark

    ctx = MemoryContext()
    assert node_type_of(shout).body({"text": "a"}, ctx) == {"loud": "A!"}
    assert ctx.lines == ["a"]
    assert list(ports_of(shout)) == ["text", "mark", "loud"]


def test_a_default_is_fresh_in_each_run() -> None:
    @node()
    def grow(items: list[int] = []) -> int:  # noqa: B006
        items.append(1)
        return len(items)

    body = node_type_of(grow).body
    assert [body({}, MemoryContext()) for _ in range(2)] == [{"result": 1}] * 2


def test_a_named_tuple_is_several_outputs() -> None:
    @node()
    def split(text: str) -> Split:
        return Split(text[:1], text[1:])

    assert list(ports_of(split)) == ["text", "head", "tail"]
    assert ports_of(split)["tail"].config["title"] == "The rest"
    assert ports_of(split)["tail"].default == ""
    body = node_type_of(split).body
    assert body({"text": "abc"}, MemoryContext()) == {"head": "a", "tail": "bc"}


def test_none_is_no_output_and_passthrough_parameters_are_not_given_back() -> None:
    @node(passthrough=("text",))
    def look(text: str) -> None: ...

    assert ports_of(look)["text"].direction is Direction.PASSTHROUGH
    assert node_type_of(look).body({"text": "a"}, MemoryContext()) == {}


async def test_an_async_function_is_awaited() -> None:
    @node(kind="pure")
    async def later(x: float) -> float:
        await asyncio.sleep(0)
        return x + 1

    assert node_type_of(later).is_async
    assert await run_body(node_type_of(later), {"x": 1}) == {"result": 2}


def test_structured_values_are_built_before_and_stored_after() -> None:
    @node()
    def move(line: Line, by: Point | None, colour: Colour = Colour.DARK_BLUE) -> Line:
        assert by is None
        return Line(points=[*line.points, Point(1, 2)], colour=colour)

    body = node_type_of(move).body
    given = body({"line": {"points": [{"x": 3}]}, "by": None}, MemoryContext())
    assert given == {
        "result": {"points": [{"x": 3, "y": 0}, {"x": 1, "y": 2}], "colour": "dark-blue"}
    }
    assert ports_of(move)["colour"].default == "dark-blue"


def test_a_value_that_does_not_fit_names_port_and_place() -> None:
    @node()
    def sink(line: Line) -> None: ...

    with pytest.raises(PortError, match=r"port line: points\.0\.x: "):
        node_type_of(sink).body({"line": {"points": [{"x": "far"}]}}, MemoryContext())


def test_a_result_of_another_type_is_refused() -> None:
    @node()
    def wrong() -> Point:
        return "no point"  # type: ignore[return-value]

    with pytest.raises(PortError, match="port result"):
        node_type_of(wrong).body({}, MemoryContext())


def test_scalars_are_passed_untouched() -> None:
    @node()
    def same(x: float) -> float:
        return x

    big = 10**30
    assert node_type_of(same).body({"x": big}, MemoryContext()) == {"result": big}


async def test_a_generator_fills_a_stream_that_is_passed_on_first() -> None:
    @node(output="words")
    async def speak(text: str) -> AsyncIterator[str]:
        for word in text.split():
            yield word

    channel, ctx = Channel(), MemoryContext()
    assert ports_of(speak)["words"].type is PortType.STREAM
    assert await run_body(node_type_of(speak), {"text": "a b", "words": channel}, ctx) == {}
    assert ctx.is_port_resolved("words")
    assert (channel.items, channel.closed, channel.error) == (["a", "b"], True, None)


async def test_a_stream_ends_with_the_failure_of_its_body() -> None:
    @node()
    async def speak() -> AsyncIterator[str]:
        yield "a"
        raise ValueError("hoarse")

    channel = Channel()
    with pytest.raises(ValueError, match="hoarse"):
        await run_body(node_type_of(speak), {"result": channel})
    assert (channel.items, channel.error) == (["a"], "hoarse")


async def test_a_body_reads_one_stream_and_writes_another() -> None:
    @node()
    async def capitals(text: Stream[str], loud: StreamWriter[str]) -> int:
        count = 0
        async for chunk in text:
            await loud.send(chunk.upper())
            count += 1
        return count

    source, target = Channel(), Channel()
    source.send("a")
    source.close()
    given = await run_body(node_type_of(capitals), {"text": source, "loud": target})
    assert given == {"result": 1}
    assert (target.items, target.closed) == (["A"], True)


async def test_a_failed_stream_fails_its_reader() -> None:
    @node()
    async def drain(text: Stream[str]) -> None:
        async for _ in text:
            pass

    source = Channel()
    source.close("torn")
    with pytest.raises(StreamFailed, match="torn"):
        await run_body(node_type_of(drain), {"text": source})


@node(category="math", kind="pure", quick=True, version=2)
class Counter:
    """Counts."""

    limit: ClassVar[int] = 10
    _secret: int = 0

    step: float
    count: float = passthrough(0, title="So far")
    message: str = output("")
    history: list[float] | None = output()

    def run(self) -> None:
        self.count = min(self.count + self.step, self.limit)
        self.message = f"now {self.count}"
        self.history = [*(self.history or []), self.count]


def test_annotated_attributes_are_ports() -> None:
    assert [(each.key, each.direction) for each in ports_of(Counter).values()] == [
        ("step", Direction.INPUT),
        ("count", Direction.PASSTHROUGH),
        ("message", Direction.OUTPUT),
        ("history", Direction.OUTPUT),
    ]
    assert ports_of(Counter)["count"].title == "So far"
    assert ports_of(Counter)["step"].required
    made = node_type_of(Counter)
    assert (made.name, made.kind, made.quick, made.version) == ("Counter", Kind.PURE, True, 2)


def test_outputs_start_with_their_current_value_and_are_given_with_passthroughs() -> None:
    body = node_type_of(Counter).body
    given = body({"step": 2, "count": 1, "message": "", "history": [1]}, MemoryContext())
    assert given == {"count": 3, "message": "now 3", "history": [1, 3]}


def test_an_instance_can_be_tested_alone() -> None:
    counter = Counter()
    counter.step = 1
    counter.run()
    assert (counter.count, counter.message) == (1, "now 1")


def test_each_run_has_an_instance_of_its_own() -> None:
    @node()
    class Once:
        times: float = output(0)

        def run(self, ctx: Context) -> None:
            self.times += 1
            ctx.log(ctx.node_id)

    ctx = MemoryContext()
    assert [node_type_of(Once).body({}, ctx) for _ in range(2)] == [{"times": 1}] * 2
    assert ctx.lines == ["node", "node"]


async def test_a_class_may_run_async_and_send_to_streams() -> None:
    @node()
    class Speaker:
        text: str
        words: StreamWriter[str]
        count: float = output(0)

        async def run(self) -> None:
            for word in self.text.split():
                await self.words.send(word)
                self.count += 1

    channel = Channel()
    assert await run_body(node_type_of(Speaker), {"text": "a b", "words": channel}) == {"count": 2}
    assert (channel.items, channel.closed) == (["a", "b"], True)


def test_an_output_of_a_class_type_starts_with_its_default() -> None:
    @node()
    class Origin:
        where: Point = output(Point(0, 0))

        def run(self) -> None:
            self.where = Point(self.where.x + 1)

    given = node_type_of(Origin).body({"where": {}}, MemoryContext())
    assert given == {"where": {"x": 1, "y": 0}}
    assert ports_of(Origin)["where"].default == {"x": 0, "y": 0}


def test_a_class_without_run_passes_values_through() -> None:
    @node()
    class Pipe:
        value: Any = passthrough()

    assert node_type_of(Pipe).body({"value": 7}, MemoryContext()) == {"value": 7}


def test_what_a_node_waits_for_follows_from_the_inputs_it_names() -> None:
    @node(kind="pure", waits=lambda by, text: Sleep(by.x * len(text)))
    def late(text: str, by: Point, rest: Any = None) -> str:
        return text

    waits = node_type_of(late).waits
    assert waits is not None
    assert waits({"text": "abc", "by": {"x": 2}, "rest": 1}, MemoryContext()) == Sleep(6)


def test_a_node_may_name_its_context_and_need_not_wait() -> None:
    def approval(title: str, ctx: Context) -> Signal | None:
        return Signal(ctx.node_id, title=title) if title else None

    @node(kind="pure", waits=approval)
    class Approve:
        title: str = "Well?"
        approved: bool = output(False)

        def run(self, ctx: Context) -> None:
            self.approved = isinstance(ctx.answer, Received) and bool(ctx.answer.value)

    made, ctx = node_type_of(Approve), MemoryContext(node_id="boss")
    assert made.waits is not None
    assert made.waits({}, ctx) == Signal("boss", title="Well?")
    assert made.waits({"title": ""}, ctx) is None
    assert made.body({}, ctx) == {"approved": False}
    assert made.body({}, MemoryContext(answer=Received(True, "ann"))) == {"approved": True}


def test_most_nodes_wait_for_nothing() -> None:
    assert node_type_of(Counter).waits is None


async def _async_waits(x: float) -> Sleep:
    return Sleep(x)


@pytest.mark.parametrize(
    ("waits", "reason"),
    [
        (lambda y: None, "node Late, waits: y is no input of the node"),
        (lambda result: None, "node Late, waits: result is no input of the node"),
        (lambda words: None, "node Late, waits: words is no input of the node"),
        (_async_waits, "node Late, waits: is asked for what to wait for; it does not wait"),
    ],
)
def test_what_cannot_be_waited_for_is_told_when_it_is_written(
    waits: Callable[..., Wait | None], reason: str
) -> None:
    with pytest.raises(BadNodeType, match=reason):

        @node(name="Late", kind="pure", waits=waits)
        async def late(x: float, words: Stream[str]) -> float:
            return x


@pytest.mark.parametrize("options", [{"kind": "pure", "quick": True}, {"kind": "once"}, {}])
def test_a_node_that_waits_is_pure_and_not_quick(options: dict[str, Any]) -> None:
    with pytest.raises(BadNodeType, match="only a pure node that is not quick waits"):

        @node(waits=lambda: None, **options)
        def late() -> None: ...
