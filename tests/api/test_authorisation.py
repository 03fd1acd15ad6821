"""Every procedure, through every door, for every role: owners, strangers and nobody."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from chaingraph.api.app import build_app
from chaingraph.api.dialects import ORIGINAL, PLAIN
from chaingraph.api.identity.tokens import TokenAuthentication
from chaingraph.api.identity.visitor import Gate
from chaingraph.api.procedures import router
from chaingraph.api.rest.procedures import rest_router
from chaingraph.execution.identity import Account, User, hash_of, new_token
from chaingraph.execution.principals import Principal, Role, Scope
from chaingraph.flow.ids import new_flow_id
from chaingraph.modes import House, open_memory_house
from tests.api.fake_service import FakeService
from tests.api.matrix import REST_ONLY, SECRET, TRPC, Case, Things, document, nothing
from tests.api.peers import Peer, connected

ANN = Principal("ann")
ROLES = tuple(Role)
REFUSALS = {"UNAUTHORIZED", "FORBIDDEN", "NOT_FOUND"}
STREAM = {"accept": "text/event-stream"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: the code of a refusal, and every byte of it."""

    code: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Court:
    """A server in memory with callers of every kind, and things of ann's."""

    house: House
    app: ASGIApp

    async def things(self) -> Things:
        flow_id = new_flow_id()
        await self.house.service.store_flow(ANN, document(flow_id))
        execution_id = await self.house.service.create(ANN, flow_id)
        await self.house.service.start(ANN, execution_id)
        async for batch in self.house.service.follow(ANN, execution_id):
            assert batch
        share, _ = await self.house.service.share(ANN, execution_id)
        return Things(flow_id, execution_id, share.id)

    async def token(self, user_id: str, role: str, **more: Any) -> str:
        made, text = new_token(user_id, role, created_at=self.house.clock(), **more)
        await self.house.tokens.add(made, hash_of(text))
        return text

    async def over_trpc(self, name: str, given: Mapping[str, Any], token: str) -> Reply:
        kind = router(FakeService(), PLAIN)[name].kind
        envelope = json.dumps({"json": given})
        async with self._client(token, "http://localhost/trpc/") as client:
            if kind == "mutation":
                json_type = {"content-type": "application/json"}
                answer = await client.post(name, content=envelope, headers=json_type)
            else:
                accept = STREAM if kind == "subscription" else {}
                answer = await client.get(name, params={"input": envelope}, headers=accept)
        if kind == "subscription":
            return Reply(_code_in_stream(answer.text, "serialized-error"), answer.text)
        error = answer.json().get("error", {"json": {"data": {"code": None}}})
        return Reply(error["json"]["data"]["code"], answer.text)

    async def over_socket(self, name: str, given: Mapping[str, Any], token: str) -> Reply:
        """The first answer at `/`, as the original's clients are given it."""
        kind = router(FakeService(), ORIGINAL)[name].kind
        async with connected(self.app, "/", query="connectionParams=1") as peer:
            assert (await peer.message())["type"] == "websocket.accept"
            params = {"sessionBadAI": token} if token else {}
            peer.send({"method": "connectionParams", "data": params})
            peer.call(1, kind, name, **given)
            frame = await _first_answer(peer)
        error = frame.get("error", {"json": {"data": {"code": None}}})
        return Reply(error["json"]["data"]["code"], json.dumps(frame))

    async def over_rest(self, case: Case, things: Things, token: str) -> Reply:
        assert case.rest is not None
        method, path = case.rest
        filled = path.format(**{name: getattr(things, name) for name in things.__slots__})
        body = dict(case.given(things))
        body.pop("executionId", None)
        async with self._client(token, "http://localhost/api/v1") as client:
            if method == "STREAM":
                answer = await client.get(filled, headers=STREAM)
            elif method in ("POST", "PUT"):
                answer = await client.request(method, filled, json=body)
            else:
                answer = await client.request(method, filled)
        return Reply(_rest_code(answer), answer.text)

    def _client(self, token: str, base: str) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        transport = httpx.ASGITransport(self.app)
        return httpx.AsyncClient(transport=transport, base_url=base, headers=headers)


async def _first_answer(peer: Peer) -> Any:
    while (frame := await peer.frame()).get("result", {}).get("type") == "started":
        pass
    return frame


def _rest_code(answer: httpx.Response) -> str | None:
    if "event-stream" in answer.headers.get("content-type", ""):
        return _code_in_stream(answer.text, "problem")
    if answer.is_success:
        return None
    code: str = answer.json()["error"]["code"]
    return code


def _code_in_stream(text: str, event: str) -> str | None:
    """The code of the error event, wherever it is nested in its data."""
    if f"event: {event}\n" not in text:
        return None
    return next(code for code in (*REFUSALS, "BAD_REQUEST") if f'"{code}"' in text)


@pytest.fixture
async def court() -> AsyncIterator[Court]:
    async with open_memory_house() as house, house.working():
        authenticate = TokenAuthentication(house.tokens, house.accounts, house.clock)
        yield Court(house, build_app(house.service, gate=Gate(authenticate)))


async def replies(court: Court, name: str, token: str) -> AsyncIterator[tuple[Reply, Things]]:
    """Of each door that has the procedure, each on things of its own."""
    case = TRPC.get(name) or REST_ONLY[name]
    if name in TRPC:
        for call in (court.over_trpc, court.over_socket):
            things = await court.things()
            yield await call(name, case.given(things), token), things
    if case.rest is not None:
        things = await court.things()
        yield await court.over_rest(case, things, token), things


NAMES = sorted({*TRPC, *REST_ONLY})


def test_the_matrix_has_every_procedure_there_is() -> None:
    for dialect in (ORIGINAL, PLAIN):
        assert set(router(FakeService(), dialect)) == set(TRPC)
    assert set(rest_router(FakeService())) == {*TRPC, *REST_ONLY}


@pytest.mark.parametrize("name", NAMES)
async def test_an_owner_may_what_its_role_may(court: Court, name: str) -> None:
    case = TRPC.get(name) or REST_ONLY[name]
    for role in ROLES:
        token = await court.token("ann", role)
        async for reply, _ in replies(court, name, token):
            if role in case.roles.split():
                assert reply.code not in REFUSALS, (role, reply)
            else:
                assert reply.code == "FORBIDDEN", (role, reply)
                assert SECRET not in reply.text


@pytest.mark.parametrize("name", NAMES)
async def test_a_stranger_gets_no_byte_of_it_unless_it_is_an_admin(court: Court, name: str) -> None:
    case = TRPC.get(name) or REST_ONLY[name]
    for role in ROLES:
        token = await court.token("eve", role)
        async for reply, _ in replies(court, name, token):
            if role == Role.ADMIN:
                assert reply.code not in REFUSALS, reply
                continue
            assert SECRET not in reply.text and '"ann"' not in reply.text, (role, reply)
            own_list = case.of_nobody and role in case.roles.split()
            assert (reply.code is None) if own_list else (reply.code == "FORBIDDEN"), (role, reply)


@pytest.mark.parametrize("name", NAMES)
async def test_nobody_gets_anything(court: Court, name: str) -> None:
    now = court.house.clock()
    over, text = new_token("ann", created_at=now - 10)
    await court.house.tokens.add(over, hash_of(text))
    await court.house.tokens.revoke(over.id)
    for token in ("", "ann", text, "cg_" + "A" * 12 + "_" + "A" * 40):
        async for reply, _ in replies(court, name, token):
            assert reply.code == "UNAUTHORIZED", (token, reply)
            assert SECRET not in reply.text and '"ann"' not in reply.text


@pytest.mark.parametrize("name", NAMES)
async def test_whoever_has_a_share_watches_that_execution_and_no_other(
    court: Court, name: str
) -> None:
    case = TRPC.get(name) or REST_ONLY[name]
    other = await court.things()
    _, token = await court.house.service.share(ANN, other.execution_id)
    async for reply, _ in replies(court, name, token):
        assert reply.code in ((None,) if case.of_nobody else ("FORBIDDEN", "BAD_REQUEST")), reply
        assert reply.code != "BAD_REQUEST" or name == "sendSignal"
        assert SECRET not in reply.text
    shown = [await court.over_trpc(name, case.given(other), token)] if name in TRPC else []
    shown += [await court.over_rest(case, other, token)] if case.rest is not None else []
    for reply in shown:
        allowed = case.shared or case.of_nobody
        assert (reply.code is None) if allowed else (reply.code == "FORBIDDEN"), reply
        assert allowed or SECRET not in reply.text


@pytest.mark.parametrize("name", NAMES)
async def test_a_token_without_the_scope_is_refused_even_to_an_admin(
    court: Court, name: str
) -> None:
    case = TRPC.get(name) or REST_ONLY[name]
    needed = {"admin user agent guest": Scope.READ, "admin user agent": Scope.RUN}
    scope = Scope.ANSWER if name == "sendSignal" else needed.get(case.roles, Scope.WRITE)
    others = frozenset(Scope) - {scope}
    for user, role in (("root", Role.ADMIN), ("ann", Role.USER)):
        token = await court.token(user, role, scopes=others)
        async for reply, _ in replies(court, name, token):
            assert reply.code == "FORBIDDEN", reply
            assert SECRET not in reply.text
        token = await court.token(user, role, scopes=[scope, *([Scope.READ] * case.reads)])
        async for reply, _ in replies(court, name, token):
            assert reply.code not in REFUSALS, reply


@pytest.mark.parametrize("name", ["shareExecution", "getShares"])
async def test_who_may_not_read_makes_no_links(court: Court, name: str) -> None:
    token = await court.token("ann", Role.USER, scopes=[Scope.RUN])
    async for reply, _ in replies(court, name, token):
        assert reply.code == "FORBIDDEN"


async def test_whoever_watches_does_not_see_what_the_owner_sent_along(court: Court) -> None:
    things = await court.things()
    service = court.house.service
    execution_id = await service.create(
        ANN,
        things.flow_id,
        integration={"session": "of ann"},
        events=[{"eventName": "of ann"}],
    )
    _, share = await service.share(ANN, execution_id)
    own = await court.token("ann", Role.USER)
    for token, sees in ((own, True), (share, False)):
        reply = await court.over_trpc("getExecutionDetails", {"executionId": execution_id}, token)
        assert reply.code is None and ("of ann" in reply.text) is sees


async def test_what_is_there_is_seen_by_its_owner(court: Court) -> None:
    """Else the tests above would find no secret whatever the server did."""
    token = await court.token("ann", Role.GUEST)
    for name in ("getFlow", "listFlows", "getEvents", "followEvents", "subscribeToExecutionEvents"):
        async for reply, _ in replies(court, name, token):
            assert SECRET in reply.text, name


async def test_an_owner_may_be_known_by_an_account_elsewhere(court: Court) -> None:
    """Flows of the original may be owned by the id that an account has at its provider."""
    flow_id = new_flow_id()
    await court.house.service.store_flow(Principal("42"), document(flow_id))
    await court.house.accounts.add_user(User("ann", "user"))
    token = await court.token("ann", Role.USER)
    url = f"/flows/{flow_id}"
    case = Case("", nothing, ("GET", url))
    things = Things(flow_id, "", "")
    assert (await court.over_rest(case, things, token)).code == "FORBIDDEN"
    await court.house.accounts.link(Account("ann", "archai", "42"))
    linked = await court.token("ann", Role.USER)
    assert (await court.over_rest(case, things, linked)).code is None


async def test_a_link_opens_what_it_shares_without_a_header(court: Court) -> None:
    things = await court.things()
    _, share = await court.house.service.share(ANN, things.execution_id)
    own = await court.token("ann", Role.USER)
    for path, text, code in (
        ("/executions/{execution_id}/events", share, None),
        ("/executions/{execution_id}", share, None),
        ("/executions/{execution_id}/tree", share, "FORBIDDEN"),
        ("/executions/{execution_id}", own, "UNAUTHORIZED"),
    ):
        case = Case("", nothing, ("GET", f"{path}?share={text}"))
        assert (await court.over_rest(case, things, "")).code == code, path
