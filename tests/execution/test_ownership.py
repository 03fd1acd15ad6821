"""Whose is what. Every caller here may make every call: only who owns the thing can refuse."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Protocol, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaingraph.errors import BadInput, Forbidden
from chaingraph.execution.beginning import own_key
from chaingraph.execution.principals import ALL_SCOPES, LOCAL, Principal, Role
from chaingraph.execution.service import Service
from chaingraph.flow.build import FlowBuilder
from chaingraph.flow.model import Flow
from chaingraph.modes import House, open_memory_house
from chaingraph.nodes import builtin_catalog

ALICE, BOB = Principal("alice"), Principal("bob")
Call: TypeAlias = Callable[[Service, Principal, str], Awaitable[object]]


class Command(Protocol):
    def __call__(
        self, service: Service, who: Principal, id: str, command_id: str | None = None, /
    ) -> Awaitable[None]: ...


COMMANDS: Mapping[str, Command] = {
    "start": lambda s, who, id, c=None: s.start(who, id, command_id=c),
    "stop": lambda s, who, id, c=None: s.stop(who, id, command_id=c),
    "pause": lambda s, who, id, c=None: s.pause(who, id, command_id=c),
    "resume": lambda s, who, id, c=None: s.resume(who, id, command_id=c),
    "step": lambda s, who, id, c=None: s.step(who, id, command_id=c),
    "set_breakpoints": lambda s, who, id, c=None: s.set_breakpoints(who, id, [], command_id=c),
    "signal": lambda s, who, id, c=None: s.signal(who, id, "go", command_id=c),
}
CALLS: Mapping[str, Call] = {
    **COMMANDS,
    "fork": lambda s, who, id: s.fork(who, id),
    "retry": lambda s, who, id: s.retry(who, id),
    "tree": lambda s, who, id: s.tree(who, id),
    "follow_tree": lambda s, who, id: anext(s.follow_tree(who, id)),
    "share": lambda s, who, id: s.share(who, id),
    "shares": lambda s, who, id: s.shares(who, id),
    "unshare": lambda s, who, id: s.unshare(who, id, "T1"),
}


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_memory_house(builtin_catalog()) as opened:
        yield opened


@pytest.fixture
def service(house: House) -> Service:
    return house.service


@pytest.fixture
async def execution_id(service: Service) -> str:
    """One of Alice's."""
    await service.import_flow(ALICE, a_flow())
    return await service.create(ALICE, "sum")


def a_flow(flow_id: str = "sum", owner: str | None = None) -> Flow:
    builder = FlowBuilder("sum", builtin_catalog(), id=flow_id)
    builder.add("MathNode", "sum", a=1, b=2, operation="add")
    flow = builder.build()
    return flow if owner is None else replace(flow, metadata={"ownerID": owner})


def admin(user_id: str) -> Principal:
    return Principal(user_id, Role.ADMIN)


def bearer_of_share(execution_id: str) -> Principal:
    return Principal("share:1", scopes=ALL_SCOPES, shared=execution_id)


async def owner_of(service: Service, execution_id: str) -> str:
    return (await service.details(LOCAL, execution_id)).owner_id


@pytest.mark.parametrize("call", CALLS)
async def test_a_stranger_does_nothing_to_an_execution(
    house: House, execution_id: str, call: str
) -> None:
    with pytest.raises(Forbidden):
        await CALLS[call](house.service, BOB, execution_id)
    assert await house.journal.inbox(execution_id, 0) == []


@pytest.mark.parametrize("call", CALLS)
async def test_who_was_shown_an_execution_only_watches_it(
    house: House, execution_id: str, call: str
) -> None:
    bearer = bearer_of_share(execution_id)
    assert (await house.service.details(bearer, execution_id)).id == execution_id
    assert await anext(house.service.follow(bearer, execution_id))
    with pytest.raises(Forbidden):
        await CALLS[call](house.service, bearer, execution_id)
    assert await house.journal.inbox(execution_id, 0) == []


async def test_a_stranger_does_not_learn_from_breakpoints_what_nodes_there_are(
    service: Service, execution_id: str
) -> None:
    for stranger in (BOB, bearer_of_share(execution_id)):
        for node_id in ("sum", "nowhere"):
            with pytest.raises(Forbidden):
                await service.set_breakpoints(stranger, execution_id, [node_id])


async def test_the_command_id_of_another_caller_is_no_pass(
    service: Service, execution_id: str
) -> None:
    await service.signal(ALICE, execution_id, "go", command_id="c1")
    with pytest.raises(Forbidden):
        await service.signal(BOB, execution_id, "go", command_id="c1")


@pytest.mark.parametrize("prefix", ["tree:", "child:"])
@pytest.mark.parametrize("command", COMMANDS)
async def test_command_ids_of_the_executor_are_not_for_callers(
    house: House, execution_id: str, command: str, prefix: str
) -> None:
    with pytest.raises(BadInput, match="does not begin with"):
        await COMMANDS[command](house.service, ALICE, execution_id, f"{prefix}1")
    assert await house.journal.inbox(execution_id, 0) == []


async def test_an_execution_belongs_to_the_owner_of_its_flow_whoever_makes_it(
    service: Service, execution_id: str
) -> None:
    for maker in (LOCAL, Principal("a", aliases=frozenset({"alice"}))):
        assert await owner_of(service, await service.create(maker, "sum")) == "alice"


async def test_a_fork_belongs_to_the_owner_of_the_old_execution_whoever_makes_it(
    service: Service, execution_id: str
) -> None:
    for maker in (LOCAL, Principal("a", aliases=frozenset({"alice"}))):
        assert await owner_of(service, await service.fork(maker, execution_id)) == "alice"


@pytest.mark.parametrize("caller", [ALICE, LOCAL])
async def test_a_fork_does_not_run_what_a_stranger_put_in_the_place_of_the_flow(
    service: Service, execution_id: str, caller: Principal
) -> None:
    await service.fork(caller, execution_id, newer=True)
    await service.delete_flow(ALICE, "sum")
    await service.import_flow(BOB, a_flow())
    with pytest.raises(Forbidden, match="flow sum"):
        await service.fork(caller, execution_id, newer=True)


@given(st.lists(st.tuples(*[st.text("ab:%3A", min_size=1)] * 2), min_size=2, unique=True))
def test_two_keys_of_two_callers_are_never_the_same(pairs: list[tuple[str, str]]) -> None:
    keys = {own_key(Principal(user_id), key) for user_id, key in pairs}
    assert len(keys) == len(pairs)


@pytest.mark.parametrize(
    ("one", "other"),
    [(("a", "k"), ("b", "k")), (("a", "b:k"), ("a:b", "k")), (("a:b", "k"), ("a%3Ab", "k"))],
)
async def test_the_key_of_one_caller_finds_nothing_of_another(
    service: Service, execution_id: str, one: tuple[str, str], other: tuple[str, str]
) -> None:
    callers = [(admin(user_id), key) for user_id, key in (one, other)]
    created = {await service.create(who, "sum", idempotency_key=key) for who, key in callers}
    forked = {
        await service.fork(who, execution_id, idempotency_key=f"{key} of a fork")
        for who, key in callers
    }
    assert (len(created), len(forked)) == (2, 2)


async def test_the_id_of_a_flow_is_its_owners(service: Service, execution_id: str) -> None:
    before = await service.flow(ALICE, "sum")
    for flow in (a_flow(), a_flow(owner="bob"), a_flow(owner="alice")):
        with pytest.raises(Forbidden, match="flow sum"):
            await service.import_flow(BOB, flow)
    assert await service.flow(ALICE, "sum") == before


async def test_nobody_stores_a_flow_in_the_name_of_another(service: Service) -> None:
    with pytest.raises(Forbidden, match="flow new"):
        await service.import_flow(BOB, a_flow("new", owner="alice"))
    assert await service.flows(LOCAL) == []


async def test_a_flow_that_came_to_be_after_it_was_looked_up_is_its_owners(
    house: House, execution_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await house.flows.get("sum")
    with monkeypatch.context() as earlier:
        earlier.setattr(house.flows, "get", not_there)
        with pytest.raises(Forbidden, match="flow sum"):
            await house.service.import_flow(BOB, a_flow())
    assert await house.flows.get("sum") == before


async def not_there(flow_id: str) -> None:
    return None


async def test_an_execution_calls_no_flow_of_another_owner(
    service: Service, execution_id: str
) -> None:
    assert (await service.ready_flow("sum", {}, "alice")).flow.id == "sum"
    for owner in ("bob", "local"):
        with pytest.raises(Forbidden, match="flow sum"):
            await service.ready_flow("sum", {}, owner)


async def test_a_cursor_opens_only_the_tree_that_it_was_made_for(
    service: Service, execution_id: str
) -> None:
    cursor = (await anext(service.follow_tree(ALICE, execution_id))).cursor
    await service.import_flow(BOB, a_flow("bobs"))
    own = await service.create(BOB, "bobs")
    with pytest.raises(BadInput, match="does not belong"):
        await anext(service.follow_tree(BOB, own, cursor=cursor))
