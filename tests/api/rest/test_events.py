"""Events over REST: pages, and streams that can be resumed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Message

from chaingraph.api.app import build_app
from chaingraph.api.farewell import Farewell
from chaingraph.errors import ExecutionNotFound
from chaingraph.execution.principals import LOCAL
from tests.api.fake_service import FakeService
from tests.api.rest.calls import STREAM, SUM, WAITING, create, finished, messages


async def streamed(client: httpx.AsyncClient, path: str, **headers: str) -> list[Any]:
    answer = await client.get(path, headers={**STREAM, **headers})
    assert answer.headers["content-type"] == "text/event-stream"
    return messages(answer.text)


async def test_a_page_has_the_events_that_are_there_and_says_whether_more_will_come(
    client: httpx.AsyncClient,
) -> None:
    execution_id = await create(client, SUM, start=False)
    page = (await client.get(f"/executions/{execution_id}/events")).json()
    assert [each["type"] for each in page["events"]] == ["execution:created"]
    assert (page["next"], page["ended"]) == (1, False)
    later = (await client.get(f"/executions/{execution_id}/events?from=1")).json()
    assert later == {"events": [], "next": 1, "ended": False}


@pytest.mark.parametrize("view", ["full", "compact"])
async def test_pages_one_after_the_other_are_the_journal(
    client: httpx.AsyncClient, view: str
) -> None:
    execution_id = await finished(client)
    found: list[dict[str, Any]] = []
    asked: dict[str, Any] = {"from": 0, "limit": 3, "view": view}
    while True:
        page = (await client.get(f"/executions/{execution_id}/events", params=asked)).json()
        assert len(page["events"]) <= 3
        found += page["events"]
        if page["ended"]:
            break
        asked["from"] = page["next"]
    snapshots = [each for each in found if each["type"] == "flow:snapshot"]
    assert len(snapshots) == (1 if view == "compact" else 0)
    events = [each for each in found if each["index"] is not None]
    assert [each["position"] for each in events] == list(range(len(events)))
    assert events[-1]["type"] == "flow:completed"


async def test_a_page_may_begin_at_the_end_and_have_some_types_only(
    client: httpx.AsyncClient,
) -> None:
    execution_id = await finished(client)
    where = f"/executions/{execution_id}/events"
    last = (await client.get(f"{where}?from=-1")).json()
    assert [each["type"] for each in last["events"]] == ["flow:completed"]
    some = (await client.get(f"{where}?types=flow:started&types=node:started&limit=1")).json()
    assert [each["type"] for each in some["events"]] == ["flow:started"]
    rest = (
        await client.get(f"{where}?types=flow:started&types=node:started&from={some['next']}")
    ).json()
    assert [each["type"] for each in rest["events"]] == ["node:started"]
    assert rest["ended"]
    assert (await client.get(f"{where}?from={2**53}")).json()["events"] == []


async def test_a_stream_has_positions_for_ids_and_ends_with_end(
    client: httpx.AsyncClient,
) -> None:
    execution_id = await finished(client)
    *events, end = await streamed(client, f"/executions/{execution_id}/events")
    assert (end.event, end.id, end.data) == ("end", None, {})
    assert [each.id for each in events] == [str(n) for n in range(len(events))]
    assert [each.data["position"] for each in events] == list(range(len(events)))
    page = (await client.get(f"/executions/{execution_id}/events")).json()
    assert [each.data for each in events] == page["events"]


async def test_who_comes_back_gets_everything_once_wherever_it_lost_the_stream(
    client: httpx.AsyncClient,
) -> None:
    execution_id = await finished(client)
    where = f"/executions/{execution_id}/events"
    whole = await streamed(client, where)
    for heard, message in enumerate(whole[:-1], start=1):
        rest = await streamed(client, f"{where}?from=0", **{"last-event-id": message.id})
        assert whole[:heard] + rest == whole


async def test_a_stream_may_be_compact_and_its_snapshot_has_no_id(
    client: httpx.AsyncClient,
) -> None:
    execution_id = await finished(client)
    where = f"/executions/{execution_id}/events?view=compact"
    first, *others = await streamed(client, where, **{"last-event-id": "1"})
    assert (first.data["type"], first.id) == ("flow:snapshot", None)
    assert others[0].id == "2"


async def test_a_stream_waits_for_what_comes(client: httpx.AsyncClient) -> None:
    execution_id = await create(client, WAITING)
    where = f"/executions/{execution_id}"
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(streamed(client, f"{where}/events?types=flow:completed"))
        tree = tasks.create_task(streamed(client, f"{where}/tree/events"))
        await client.post(f"{where}/signals", json={"name": "go", "value": 1})
    assert [each.event for each in following.result()] == [None, "end"]
    assert tree.result()[-1].event == "end"


async def test_a_stream_of_a_tree_goes_on_after_any_of_its_batches(
    client: httpx.AsyncClient,
) -> None:
    execution_id = await finished(client)
    where = f"/executions/{execution_id}/tree/events"
    *batches, end = await streamed(client, where)
    assert end.event == "end"
    assert all(each.id == each.data["cursor"] for each in batches)
    events = [each for batch in batches for each in batch.data["events"]]
    assert {each["executionId"] for each in events} == {execution_id}
    assert events[-1]["event"]["type"] == "flow:completed"
    for at, batch in enumerate(batches, start=1):
        resumed = await streamed(client, where, **{"last-event-id": batch.id})
        assert batches[:at] + resumed == [*batches, end]
        assert await streamed(client, f"{where}?cursor={batch.id}") == resumed


async def test_a_refused_stream_has_a_status_so_that_an_event_source_gives_up(
    client: httpx.AsyncClient,
) -> None:
    execution_id = await finished(client)
    for path, headers, status in (
        ("EXnone/events", {}, 404),
        (f"{execution_id}/events", {"last-event-id": "x"}, 400),
        (f"{execution_id}/events?view=no", {}, 400),
    ):
        answer = await client.get(f"/executions/{path}", headers={**STREAM, **headers})
        assert answer.status_code == status
        assert answer.json()["error"]["code"]


class Breaking(FakeService):
    """Its journal is deleted after the first page."""

    async def follow(self, *args: Any, **named: Any) -> AsyncGenerator[list[Any]]:
        pages = super().follow(*args, **named)
        yield await anext(pages)
        raise ExecutionNotFound("EX1")


async def test_a_stream_that_breaks_tells_why() -> None:
    service = Breaking()
    execution_id = await service.create(LOCAL, "endless")
    transport = httpx.ASGITransport(build_app(service))
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        event, problem = await streamed(client, f"/executions/{execution_id}/events")
    assert event.data["type"] == "execution:created"
    assert problem.event == "problem"
    assert problem.data["error"]["code"] == "NOT_FOUND"


async def stream(app: ASGIApp, path: str, parts: asyncio.Queue[bytes]) -> None:
    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        parts.put_nowait(message.get("body", b""))

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b""}
    headers = [(b"accept", b"text/event-stream")]
    await app({**scope, "headers": headers, "root_path": ""}, receive, send)


async def test_a_silent_stream_gets_comments_and_is_cut_when_the_server_ends() -> None:
    service, farewell = FakeService(), Farewell()
    execution_id = await service.create(LOCAL, "endless")
    app = build_app(service, sse_ping_after=0.01, farewell=farewell)
    parts: asyncio.Queue[bytes] = asyncio.Queue()
    async with asyncio.TaskGroup() as tasks:
        path = f"/api/v1/executions/{execution_id}/events"
        tasks.create_task(stream(app, path, parts))
        while await parts.get() != b": still here\n\n":
            pass
        assert service.followers == 1
        await farewell.say(within=10)
    assert service.followers == 0
    rest = b"".join(parts.get_nowait() for _ in range(parts.qsize()))
    assert b"event: end" not in rest
