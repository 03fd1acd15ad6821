"""What of a body's result is kept, and who sees it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from chaingraph.engine.authoring import node, output, passthrough
from chaingraph.engine.node import Context
from tests.laboratory import MAX_VALUE_BYTES, lab_of


async def test_what_a_body_does_to_its_values_is_seen_by_nobody_else() -> None:
    seen: dict[str, Any] = {}

    @node(kind="pure", quick=True)
    class Spoil:
        items: list[Any] | None = passthrough(None)
        given: dict[str, Any] | None = output(None)

        def run(self, ctx: Context) -> None:
            assert self.items is not None
            self.given = {"kept": self.items}
            seen[ctx.node_id] = [*self.items]
            self.items[0]["n"] += 1
            self.items.append("more")

    lab, build = lab_of(Spoil)
    first = build.add("Spoil", "first", items=[{"n": 1}])
    build.add("Spoil", "left", items=first["items"])
    build.add("Spoil", "right", items=first["items"])
    run = await lab.run(build.build())
    assert seen["left"][1:] == seen["right"][1:] == ["more"]
    assert run.value("first", "items") == [{"n": 2}, "more"]
    assert run.value("left", "items") == [{"n": 3}, "more", "more"]
    assert run.value("right", "items") == [{"n": 3}, "more", "more"]
    assert run.value("first", "given") == {"kept": [{"n": 2}, "more"]}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (math.nan, "port result: expected a number, got float (nan)"),
        ("many", "port result: expected a number, got str ('many')"),
        ([1], "port result: expected a number, got list"),
        (10**5000, "The value cannot be written as JSON"),
    ],
    ids=["nan", "text", "array", "endless"],
)
async def test_a_value_the_port_cannot_hold_fails_the_node(value: Any, message: str) -> None:
    @node(kind="pure", quick=True)
    def give() -> float:
        return value  # type: ignore[no-any-return]

    lab, build = lab_of(give)
    build.add("Give", "give")
    name, said = (await lab.run(build.build())).failure("give")
    assert name == "Error"
    assert said.startswith(message)


@pytest.mark.parametrize(
    "value", ["x" * MAX_VALUE_BYTES, [0] * MAX_VALUE_BYTES, b"x" * 2_000_000], ids=type
)
async def test_a_value_that_is_too_large_fails_the_node(value: Any) -> None:
    @node(kind="pure", quick=True)
    def give() -> Any:
        return value

    lab, build = lab_of(give)
    build.add("Give", "give")
    name, message = (await lab.run(build.build())).failure("give")
    assert name == "Error"
    assert message.startswith("The value of port result is ")
    assert message.endswith("bytes; the limit is 1,048,576")


async def test_an_emitted_event_that_is_too_large_fails_the_node() -> None:
    @node(kind="pure", quick=True)
    def tell(ctx: Context) -> None:
        ctx.emit_event("news", "x" * MAX_VALUE_BYTES)

    lab, build = lab_of(tell)
    build.add("Tell", "tell")
    assert (
        (await lab.run(build.build())).failure("tell")[1].startswith("The value of event news is ")
    )
