"""Callers are asked again while they are connected, and lose what they may no longer have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from chaingraph.api.batches import closing
from chaingraph.api.identity.credentials import Credentials
from chaingraph.api.identity.rates import Rate
from chaingraph.api.identity.standing import PATIENCE, while_passing
from chaingraph.api.identity.visitor import Gate
from chaingraph.errors import BadInput, StoreUnavailable, TooManyCalls
from chaingraph.execution.principals import Principal
from chaingraph.trpc.codes import TRPCError
from chaingraph.trpc.router import Procedure, ReadInput

ANN = Principal("ann")


class Callers:
    """Knows everybody as `known`, and counts how often it is asked."""

    def __init__(self) -> None:
        self.known: Principal | None = ANN
        self.asked = 0
        self.time = 0.0

    async def authenticate(self, credentials: Credentials) -> Principal | None:
        self.asked += 1
        return self.known

    def gate(self, **more: Any) -> Gate:
        return Gate(self.authenticate, now=lambda: self.time, **more)


async def admit(caller: Principal | None, read_input: ReadInput) -> None:
    if caller is None:
        raise TRPCError("UNAUTHORIZED", "UNAUTHORIZED")


async def whoami(caller: Principal, given: Any) -> str:
    return caller.user_id


def procedure(kind: Any = "query", handle: Any = whoami) -> Procedure:
    return Procedure(kind, lambda raw: raw, handle, admit)


@pytest.fixture
def callers() -> Callers:
    return Callers()


async def test_a_caller_is_asked_once_for_a_while_and_then_again(callers: Callers) -> None:
    visitor = callers.gate(recheck=8.0).visitor(Credentials())
    for _ in range(3):
        assert await visitor.call(procedure(), dict) == "ann"
    assert callers.asked == 1
    callers.known, callers.time = None, 8.0
    with pytest.raises(TRPCError, match="UNAUTHORIZED"):
        await visitor.call(procedure(), dict)
    assert callers.asked == 2


async def test_many_calls_at_once_ask_once(callers: Callers) -> None:
    visitor = callers.gate(recheck=8.0).visitor(Credentials())
    await asyncio.gather(*(visitor.call(procedure(), dict) for _ in range(20)))
    assert callers.asked == 1


async def test_too_many_calls_of_one_caller_are_refused_and_not_those_of_others(
    callers: Callers,
) -> None:
    gate = callers.gate(rate=Rate("3/hour"))
    visitor = gate.visitor(Credentials())
    for _ in range(3):
        await visitor.call(procedure(), dict)
    with pytest.raises(TooManyCalls, match="3 per 1 hour") as refused:
        await visitor.call(procedure(), dict)
    assert 0 < refused.value.seconds <= 3600
    callers.known = Principal("bob")
    assert await gate.visitor(Credentials()).call(procedure(), dict) == "bob"


async def test_strangers_are_counted_by_their_address(callers: Callers) -> None:
    callers.known = None
    gate = callers.gate(rate=Rate("1/hour"))
    for address in ("10.0.0.1", "10.0.0.2"):
        with pytest.raises(TRPCError):
            await gate.visitor(Credentials(address=address)).call(procedure(), dict)
    with pytest.raises(TooManyCalls):
        await gate.visitor(Credentials(address="10.0.0.1")).call(procedure(), dict)


def test_a_rate_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(BadInput, match="100/second"):
        Rate("often")


class Stream:
    """Gives 1, and then nothing, until it is closed."""

    def __init__(self) -> None:
        self.is_closed = False

    async def handle(self, caller: Principal, given: Any) -> AsyncIterator[int]:
        return self._values()

    async def _values(self) -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            self.is_closed = True


async def test_a_stream_ends_when_its_caller_is_no_longer_known(callers: Callers) -> None:
    stream = Stream()
    visitor = callers.gate(recheck=0.001).visitor(Credentials())
    values = await visitor.call(procedure("subscription", stream.handle), dict)
    async with closing(values):
        assert await anext(values) == 1
        callers.known = None
        with pytest.raises(TRPCError, match="UNAUTHORIZED"):
            await anext(values)
    assert stream.is_closed


async def one_two() -> AsyncIterator[int]:
    yield 1
    yield 2


async def test_a_stream_of_a_good_caller_is_whole() -> None:
    async def check() -> None:
        pass

    assert [each async for each in while_passing(one_two(), check, 0.001)] == [1, 2]


async def test_a_check_that_fails_while_nobody_reads_is_told_at_the_next_value() -> None:
    failed = asyncio.Event()

    async def check() -> None:
        failed.set()
        raise BadInput("over")

    async with aclosing(while_passing(one_two(), check, 0.0)) as values:
        assert await anext(values) == 1
        await failed.wait()
        await asyncio.sleep(0)
        with pytest.raises(BadInput, match="over"):
            await anext(values)


async def test_a_database_that_is_away_ends_no_stream(callers: Callers) -> None:
    asked = 0
    again = asyncio.Event()

    async def check() -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            again.set()
        raise StoreUnavailable("away")

    async def values() -> AsyncIterator[int]:
        await again.wait()
        yield 1

    assert [each async for each in while_passing(values(), check, 0.0)] == [1]


@pytest.mark.parametrize("answers", [True, False])
async def test_what_comes_long_after_the_last_check_waits_for_another(answers: bool) -> None:
    """The journal may be readable while who knows the callers is away."""
    time, checked = 0.0, 0

    async def check() -> None:
        nonlocal checked
        checked += 1
        if not answers:
            raise StoreUnavailable("away")

    async with aclosing(while_passing(one_two(), check, 3600, lambda: time)) as values:
        assert await anext(values) == 1
        time = 3600 + PATIENCE + 1
        if answers:
            assert await anext(values) == 2
        else:
            with pytest.raises(StoreUnavailable):
                await anext(values)
    assert checked == 1


async def test_all_who_wait_for_a_slow_answer_get_it_at_the_same_time(callers: Callers) -> None:
    answer = asyncio.Event()

    async def slow(credentials: Credentials) -> Principal | None:
        callers.asked += 1
        await answer.wait()
        raise StoreUnavailable("away")

    visitor = Gate(slow).visitor(Credentials())
    calls = [asyncio.create_task(visitor.call(procedure(), dict)) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    answer.set()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(each) for each in results] == [StoreUnavailable] * 5
    assert callers.asked == 1


async def test_a_timeout_of_the_stream_itself_stays_one() -> None:
    async def check() -> None:
        pass

    async def values() -> AsyncIterator[int]:
        yield 1
        raise TimeoutError("its own")

    async with aclosing(while_passing(values(), check, 1.0)) as guarded:
        assert await anext(guarded) == 1
        with pytest.raises(TimeoutError, match="its own"):
            await anext(guarded)
