"""Flows over REST: stored, shown, replaced and deleted."""

from __future__ import annotations

from typing import Any

import httpx

from chaingraph.modes import House
from tests.api.rest.calls import SUM, create


async def test_a_new_flow_is_201_with_its_place_and_its_next_version_200(
    client: httpx.AsyncClient,
) -> None:
    new = await client.post("/flows", json=SUM)
    assert (new.status_code, new.json()["version"]) == (201, 1)
    assert new.headers["location"] == "/api/v1/flows/sum"
    changed = await client.post("/flows", json={**SUM, "name": "Total"})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert changed.json()["name"] == "Total"


async def test_a_flow_comes_back_in_the_stored_form_and_can_be_sent_again(
    client: httpx.AsyncClient,
) -> None:
    await client.post("/flows", json=SUM)
    found = (await client.get("/flows/sum")).json()
    assert [node["type"] for node in found["flow"]["nodes"]] == ["MathNode"]
    again = await client.put("/flows/sum", json=found["flow"])
    assert again.json()["flow"] == found["flow"]
    assert again.json()["version"] == 1


async def test_the_path_names_a_flow_without_an_id_and_refuses_another(
    client: httpx.AsyncClient,
) -> None:
    nameless = {"nodes": SUM["nodes"]}
    assert (await client.put("/flows/mine", json=nameless)).json()["id"] == "mine"
    other = await client.put("/flows/mine", json=SUM)
    assert other.status_code == 400
    assert "names the id sum" in other.json()["error"]["message"]


async def test_a_flow_without_an_id_gets_a_new_one(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    """Others may have one of the same name."""
    documents: list[Any] = [{"nodes": {}}, {"nodes": []}, {"name": "S", "nodes": SUM["nodes"]}]
    for nameless in documents:
        made = [await each.post("/flows", json=nameless) for each in (alice, alice, bob)]
        assert [each.status_code for each in made] == [201, 201, 201]
        assert len({each.json()["id"] for each in made}) == 3
    named = {"nodes": [], "edges": [], "metadata": {"id": "inside"}}
    assert (await alice.post("/flows", json=named)).json()["id"] == "inside"


async def test_everything_that_is_wrong_with_a_flow_is_listed(client: httpx.AsyncClient) -> None:
    nodes = {"a": {"type": "Nothing"}, "b": {"type": "Never"}}
    answer = await client.post("/flows", json={"id": "bad", "nodes": nodes})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "BAD_REQUEST")
    assert error["problems"] == ["node a: unknown type Nothing", "node b: unknown type Never"]
    assert (await client.get("/flows/bad")).status_code == 404


async def test_what_is_no_flow_is_refused(client: httpx.AsyncClient) -> None:
    bodies: list[Any] = [{}, {"nodes": 1}, {"nodes": [{}]}, {"nodes": {"a.b": {}}}]
    for body in bodies:
        answer = await client.post("/flows", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BAD_REQUEST")


async def test_a_flow_is_its_senders_and_shown_to_nobody_else(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    assert (await alice.post("/flows", json=SUM)).json()["ownerId"] == "alice"
    assert (await bob.get("/flows")).json() == {"flows": []}
    for answer in (
        await bob.get("/flows/sum"),
        await bob.put("/flows/sum", json=SUM),
        await bob.delete("/flows/sum"),
        await bob.post("/executions", json={"flowId": "sum"}),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "FORBIDDEN")
    assert [each["id"] for each in (await client.get("/flows")).json()["flows"]] == ["sum"]


async def test_an_admin_who_changes_a_flow_does_not_take_it(
    alice: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    await alice.post("/flows", json=SUM)
    await client.put("/flows/sum", json={**SUM, "name": "Total"})
    assert (await alice.get("/flows/sum")).json()["name"] == "Total"


async def test_nobody_stores_a_flow_in_the_name_of_another(bob: httpx.AsyncClient) -> None:
    answer = await bob.post("/flows", json={**SUM, "owner": "alice"})
    assert answer.status_code == 403


async def test_a_deleted_flow_is_gone_and_its_executions_go_on(
    client: httpx.AsyncClient,
) -> None:
    execution_id = await create(client, SUM, start=False)
    assert (await client.delete("/flows/sum")).status_code == 204
    assert (await client.delete("/flows/sum")).status_code == 404
    assert (await client.get("/flows/sum")).status_code == 404
    assert (await client.post(f"/executions/{execution_id}/start")).status_code == 202
    stream = await client.get(
        f"/executions/{execution_id}/events", headers={"accept": "text/event-stream"}
    )
    assert '"type":"flow:completed"' in stream.text


async def test_the_catalog_has_every_node_type_with_its_ports(
    client: httpx.AsyncClient, house: House
) -> None:
    found = (await client.get("/catalog")).json()["nodeTypes"]
    assert [each["name"] for each in found] == list(house.catalog)
    math = next(each for each in found if each["name"] == "MathNode")
    assert {"a", "b", "operation", "result"} <= {port["id"] for port in math["ports"]}
