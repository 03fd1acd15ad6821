"""Executions over REST: made, listed and shown."""

from __future__ import annotations

from dataclasses import fields
from urllib.parse import quote

import httpx
from pydantic.alias_generators import to_camel

from chaingraph.api.rest import outputs
from chaingraph.execution.records import ExecutionRow
from tests.api.rest.calls import STREAM, SUM, create, finished, messages


async def test_an_execution_waits_for_its_start(client: httpx.AsyncClient) -> None:
    execution_id = await create(client, SUM, start=False)
    shown = (await client.get(f"/executions/{execution_id}")).json()
    assert (shown["id"], shown["status"], shown["startedAt"]) == (execution_id, "created", None)


async def test_it_runs_at_once_when_asked(client: httpx.AsyncClient) -> None:
    execution_id = await finished(client)
    assert (await client.get(f"/executions/{execution_id}")).json()["status"] == "completed"


async def test_a_new_execution_is_201_with_its_place(client: httpx.AsyncClient) -> None:
    await client.post("/flows", json=SUM)
    answer = await client.post("/executions", json={"flowId": "sum"})
    place = f"/api/v1/executions/{answer.json()['executionId']}"
    assert (answer.status_code, answer.headers["location"]) == (201, place)


async def test_the_same_key_and_input_is_the_same_execution_started_once(
    client: httpx.AsyncClient,
) -> None:
    await client.post("/flows", json=SUM)
    asked, key = {"flowId": "sum", "start": True}, {"idempotency-key": "k"}
    answers = [await client.post("/executions", json=asked, headers=key) for _ in range(3)]
    assert {each.status_code for each in answers} == {201}
    (execution_id,) = {each.json()["executionId"] for each in answers}
    stream = await client.get(f"/executions/{execution_id}/events", headers=STREAM)
    types = [each.data["type"] for each in messages(stream.text) if each.event is None]
    assert types.count("flow:started") == 1


async def test_the_same_key_with_other_input_is_a_conflict(client: httpx.AsyncClient) -> None:
    await client.post("/flows", json=SUM)
    key = {"idempotency-key": "k"}
    await client.post("/executions", json={"flowId": "sum"}, headers=key)
    other = {"flowId": "sum", "options": {"debug": True}}
    answer = await client.post("/executions", json=other, headers=key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "CONFLICT")


async def test_roots_are_listed_newest_first_page_by_page(client: httpx.AsyncClient) -> None:
    ids = [await create(client, SUM, start=False) for _ in range(3)]
    found = (await client.get("/executions", params={"flowId": "sum", "limit": 2})).json()
    rows = [each["execution"] for each in found["executions"]]
    assert len(rows) == 2
    assert {row["id"] for row in rows} <= set(ids)
    assert rows[0]["createdAt"] >= rows[1]["createdAt"]
    older = await client.get(f"/executions?after={quote(rows[-1]['createdAt'])}")
    assert all(
        each["execution"]["createdAt"] < rows[-1]["createdAt"]
        for each in older.json()["executions"]
    )


async def test_without_a_flow_those_of_all_flows_are_listed_that_are_ones_own(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    await create(alice, {**SUM, "id": "sum-a"}, start=False)
    mine = await create(bob, {**SUM, "id": "sum-b"}, start=False)
    found = (await bob.get("/executions")).json()["executions"]
    assert [each["execution"]["id"] for each in found] == [mine]
    assert (await bob.get("/executions?flowId=sum-a")).status_code == 403


async def test_a_tree_begins_with_the_execution(client: httpx.AsyncClient) -> None:
    execution_id = await finished(client)
    (root,) = (await client.get(f"/executions/{execution_id}/tree")).json()["executions"]
    assert (root["id"], root["parentId"], root["level"]) == (execution_id, None, 0)
    assert root["execution"]["status"] == "completed"


async def test_what_is_somebody_elses_is_403_and_what_is_not_there_404(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    execution_id = await create(alice, SUM, start=False)
    for path in ("", "/tree", "/events", "/tree/events"):
        assert (await bob.get(f"/executions/{execution_id}{path}")).status_code == 403
        assert (await bob.get(f"/executions/EXnone{path}")).status_code == 404


def test_every_column_of_an_execution_is_described() -> None:
    described = outputs.Execution.model_json_schema()["properties"]
    assert list(described) == [to_camel(each.name) for each in fields(ExecutionRow)]
