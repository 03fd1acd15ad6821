"""Answers from those who do not own an execution: who is heard, and what asking may cost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chaingraph.engine.authoring import node
from chaingraph.errors import BadInput, Forbidden, IllegalTransition
from chaingraph.execution.principals import LOCAL, Principal
from chaingraph.execution.records import Command, Entry, Status
from chaingraph.execution.steering import READS_FOR_STRANGERS
from chaingraph.flow.build import FlowBuilder
from chaingraph.nodes import builtin_catalog
from tests.laboratory import Lab

ALICE, BOB = Principal("alice"), Principal("bob")
ALIAS = Principal("u1", aliases=frozenset({"alice", "mail:alice"}))


class Asked:
    """Counts what is read from a journal; long reads wait until they are let go."""

    def __init__(self, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pages = self.inboxes = 0
        self.at_once = self.most_at_once = 0
        self.is_busy = asyncio.Event()
        self.may_go = asyncio.Event()
        self.may_go.set()
        self._read, self._inbox = lab.journal.read, lab.journal.inbox
        monkeypatch.setattr(lab.journal, "read", self.read)
        monkeypatch.setattr(lab.journal, "inbox", self.inbox)

    async def read(self, execution_id: str, start: int, limit: int) -> list[Entry]:
        if limit == 1:
            return await self._read(execution_id, start, limit)
        self.pages += 1
        await self._let_go()
        return await self._read(execution_id, start, limit)

    async def inbox(self, execution_id: str, after: int) -> list[Command]:
        if after:
            return await self._inbox(execution_id, after)
        self.inboxes += 1
        await self._let_go()
        return await self._inbox(execution_id, after)

    async def _let_go(self) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        if self.at_once == READS_FOR_STRANGERS:
            self.is_busy.set()
        await self.may_go.wait()
        self.at_once -= 1


def lab_with_form(*types: object, owner: str = "local") -> tuple[Lab, FlowBuilder]:
    catalog = builtin_catalog()
    catalog.add(*types)
    build = FlowBuilder("test", catalog, id="test", owner=owner)
    build.add("HumanInputNode", "ask", assignees=["alice"], form={})
    return Lab(catalog), build


async def waiting(lab: Lab, build: FlowBuilder) -> str:
    """An execution that is parked at its form."""
    segment = await lab.begin(build.build())
    await lab.work(segment)
    return segment.execution_id


@asynccontextmanager
async def running(owner: str = "local") -> AsyncIterator[tuple[Lab, str]]:
    """An execution that waits at its form while another node is at work."""
    ends = asyncio.Event()

    @node(kind="effect")
    async def busy() -> None:
        await ends.wait()

    lab, build = lab_with_form(busy, owner=owner)
    build.add("Busy", "busy")
    segment = await lab.begin(build.build())
    working = asyncio.create_task(lab.work(segment))
    await lab.until(segment.execution_id, "node:waiting", "ask")
    yield lab, segment.execution_id
    ends.set()
    await working


async def test_a_stranger_learns_at_once_that_an_ended_execution_is_not_his(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lab, build = lab_with_form()
    execution_id = await waiting(lab, build)
    await lab.service.stop(LOCAL, execution_id)
    await lab.settle()
    asked = Asked(lab, monkeypatch)
    for stranger in (ALICE, BOB):
        with pytest.raises(Forbidden):
            await lab.service.signal(stranger, execution_id, "ask", {})
    assert (asked.pages, asked.inboxes) == (0, 0)
    with pytest.raises(IllegalTransition):
        await lab.service.signal(LOCAL, execution_id, "ask", {})


async def test_whoever_answered_may_ask_again_after_the_end() -> None:
    lab, build = lab_with_form()
    execution_id = await waiting(lab, build)
    await lab.service.signal(ALICE, execution_id, "ask", {}, command_id="a1")
    await lab.settle()
    assert (await lab.seen(execution_id)).stored.row.status is Status.COMPLETED
    await lab.service.signal(ALICE, execution_id, "ask", {}, command_id="a1")
    with pytest.raises(Forbidden):
        await lab.service.signal(BOB, execution_id, "ask", {}, command_id="a1")


async def test_a_parked_execution_is_not_read_for_strangers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lab, build = lab_with_form()
    execution_id = await waiting(lab, build)
    asked = Asked(lab, monkeypatch)
    with pytest.raises(Forbidden):
        await lab.service.signal(BOB, execution_id, "ask", {})
    await lab.service.signal(ALICE, execution_id, "ask", {}, command_id="a1")
    assert (asked.pages, asked.inboxes) == (0, 0)


async def test_a_crowd_of_strangers_is_read_for_a_few_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running() as (lab, execution_id):
        asked = Asked(lab, monkeypatch)
        asked.may_go.clear()
        crowd = [
            asyncio.create_task(
                lab.service.signal(BOB, execution_id, "ask", {}, command_id=f"b{number}")
            )
            for number in range(6)
        ]
        await asked.is_busy.wait()
        asked.may_go.set()
        refused = await asyncio.gather(*crowd, return_exceptions=True)
        assert [type(each) for each in refused] == [Forbidden] * 6
        assert asked.pages == asked.inboxes == 6
        assert asked.most_at_once == READS_FOR_STRANGERS


async def test_an_owner_does_not_queue_with_strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as (lab, execution_id):
        asked = Asked(lab, monkeypatch)
        asked.may_go.clear()
        crowd = [
            asyncio.create_task(lab.service.signal(BOB, execution_id, "ask", {})) for _ in range(6)
        ]
        await asked.is_busy.wait()
        async with asyncio.timeout(5):
            await lab.service.signal(LOCAL, execution_id, "ask", {})
        asked.may_go.set()
        await asyncio.gather(*crowd, return_exceptions=True)


async def test_who_is_named_by_an_alias_may_answer_what_is_parked() -> None:
    lab, build = lab_with_form()
    execution_id = await waiting(lab, build)
    await lab.service.signal(ALIAS, execution_id, "ask", {})
    await lab.settle()
    run = await lab.seen(execution_id)
    assert run.value("ask", "answeredBy") == "u1"
    (received,) = [each for each in run.events if each.type == "signal:received"]
    assert (received.data["by"], received.data["aliases"]) == ("u1", ["alice"])


@pytest.mark.parametrize("owner", ["local", "u1"])
async def test_who_is_named_by_an_alias_may_answer_what_runs(owner: str) -> None:
    async with running(owner) as (lab, execution_id):
        await lab.service.signal(ALIAS, execution_id, "ask", {})
    assert (await lab.seen(execution_id)).value("ask", "answeredBy") == "u1"


async def test_an_alias_that_is_not_named_is_no_better_than_an_id() -> None:
    other = Principal("u2", aliases=frozenset({"carol"}))
    lab, build = lab_with_form(owner="u2")
    execution_id = await waiting(lab, build)
    with pytest.raises(BadInput, match="u2 is not among those who may answer"):
        await lab.service.signal(other, execution_id, "ask", {})
    with pytest.raises(Forbidden):
        await lab.service.signal(Principal("u3", aliases=other.aliases), execution_id, "ask", {})
