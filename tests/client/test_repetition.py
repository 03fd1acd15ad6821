"""What is asked again after a lost answer happens once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import aclosing

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from chaingraph.client import AsyncClient, Status
from chaingraph.errors import BadInput, NotFound, ServerUnreachable, StoreUnavailable
from chaingraph.execution.principals import Principal
from chaingraph.execution.records import ExecutionRow
from chaingraph.modes import House
from tests.api.fake_service import FakeService
from tests.client.conftest import serving
from tests.client.cutting_proxy import cutting_proxy


def gateway(*statuses: int) -> Callable[[ASGIApp], ASGIApp]:
    """Something that answers by itself first, once with each status."""
    left = list(statuses)

    def before(app: ASGIApp) -> ASGIApp:
        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            there = PlainTextResponse("sorry", left.pop(0)) if left else app
            await there(scope, receive, send)

        return serve

    return before


async def test_lost_answers_to_commands_do_nothing_twice(client: AsyncClient, url: str) -> None:
    """Each call's first answer is lost, or half of it."""
    budgets = iter([0, None, 90, None] * 10)
    async with cutting_proxy(url, lambda: next(budgets)) as (proxy, address):
        execution_id = ""
        for call in ("create", "start", "signal", "fork", "stop"):
            # A new connection for each, so that each meets the next budget.
            async with AsyncClient(address, "admin") as through:
                match call:
                    case "create":
                        execution_id = await through.create("asking")
                    case "start":
                        await through.start(execution_id)
                    case "signal":
                        await through.signal(execution_id, "approval", "yes")
                    case "fork":
                        await through.fork(execution_id, start=False)
                    case "stop":
                        await through.stop((await client.roots("asking"))[0].execution.id)
    assert proxy.cuts == 5
    seen = Counter([each.type async for each in client.follow(execution_id)])
    assert seen["signal:received"] == seen["flow:started"] == seen["flow:completed"] == 1
    statuses = [each.execution.status for each in await client.roots("asking")]
    assert sorted(statuses) == [Status.COMPLETED, Status.STOPPED]


async def test_a_gateway_without_a_server_is_asked_again(house: House) -> None:
    async with (
        serving(house.service, behind=gateway(502, 503, 504, 429)) as url,
        AsyncClient(url) as client,
    ):
        execution_id = await client.create("sum")
    async with (
        serving(house.service, behind=gateway(503, 502)) as url,
        AsyncClient(url) as client,
        aclosing(client.follow(execution_id)) as events,
    ):
        assert (await anext(events)).position == 0


@pytest.mark.parametrize(("status", "error"), [(503, ServerUnreachable), (403, BadInput)])
async def test_what_no_server_of_ours_says_is_told(
    house: House, status: int, error: type[Exception]
) -> None:
    async with (
        serving(house.service, behind=gateway(status, status)) as url,
        AsyncClient(url, timeout=0) as client,
    ):
        with pytest.raises(error, match=f"HTTP {status}"):
            await client.create("sum")
        with pytest.raises(error, match=f"HTTP {status}"):
            await anext(client.follow("EX0"))


async def test_a_database_that_is_away_is_waited_for() -> None:
    class Away(FakeService):
        outages = 2

        async def start(self, *args: object, **named: object) -> None:
            self._look()

        async def details(self, principal: Principal, execution_id: str) -> ExecutionRow:
            self._look()
            return await super().details(principal, execution_id)

        def _look(self) -> None:
            if self.outages:
                self.outages -= 1
                raise StoreUnavailable("The database is not reachable")

    service = Away()
    async with serving(service) as url, AsyncClient(url) as client:
        await client.start("EX1")
        assert service.outages == 0
        service.outages = 2
        async with AsyncClient(url) as client, aclosing(client.follow("EX0")) as events:
            with pytest.raises(NotFound):
                await anext(events)
            assert service.outages == 0
        service.outages = 1
        async with AsyncClient(url, timeout=0) as impatient:
            with pytest.raises(StoreUnavailable, match="not reachable"):
                await impatient.start("EX1")
