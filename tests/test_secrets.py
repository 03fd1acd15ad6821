"""A secret on its way through the whole house: the node gets it, and nobody finds it anywhere."""

from __future__ import annotations

import json
import logging
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import psycopg
import pytest
from psycopg import sql

from chaingraph.api.app import build_app
from chaingraph.engine.authoring import Context, Secret, node, port
from chaingraph.engine.catalog import Catalog
from chaingraph.errors import BadInput, SecretKeyMissing
from chaingraph.execution.principals import LOCAL
from chaingraph.execution.vault import new_key
from chaingraph.modes import House, open_house, open_memory_house
from chaingraph.nodes import builtin_catalog
from chaingraph.settings import Settings, read_settings

PLAIN = "sk-never-to-be-seen"
seen: list[str] = []


@node()
def use_key(key: Annotated[Secret, port(secret_type="openai")], ctx: Context) -> str:
    seen.append(key.reveal())
    ctx.log(f"the key is {key.reveal()}")
    raise ConnectionError(f"refused: {key.reveal()}")


@node()
def issue_token(key: Annotated[Secret, port(secret_type="openai")]) -> Secret:
    return Secret(f"{key.reveal()}-token")


@node()
def use_token(token: Secret) -> str:
    seen.append(token.reveal())
    return "done"


FLOW: dict[str, Any] = {
    "id": "V2secrets",
    "nodes": {
        "use": {"type": "UseKey", "inputs": {"key": PLAIN}},
        "issue": {"type": "IssueToken", "inputs": {"key": {"apiKey": PLAIN}}},
        "given": {"type": "UseToken", "inputs": {"token": "none yet"}},
        "token": {"type": "UseToken"},
        "plain": {"type": "UnencryptedSecret", "inputs": {"unencryptedData": {"value": PLAIN}}},
        "last": {"type": "UseToken"},
    },
    "edges": ["issue.result -> token.token", "plain.secret -> last.token"],
}


def catalog() -> Catalog:
    return Catalog.of(builtin_catalog(), use_key, issue_token, use_token)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def settings(request: pytest.FixtureRequest, data_dir: Path) -> Settings | None:
    if request.param == "memory":
        return None
    if request.param == "sqlite":
        return Settings(data_dir=data_dir)
    url: str = request.getfixturevalue("postgres_database")
    return Settings(database=url, secret_key=new_key())


@asynccontextmanager
async def opened(settings: Settings | None) -> AsyncIterator[House]:
    if settings is None:
        async with open_memory_house(catalog()) as house:
            yield house
    else:
        async with open_house(settings, catalog()) as house:
            yield house


async def test_only_the_node_sees_a_secret(
    settings: Settings | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    seen.clear()
    async with opened(settings) as house, house.working():
        transport = httpx.ASGITransport(build_app(house.service))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            shown = [text async for text in _everything_shown(house, http)]
        kept = list(_everything_kept(settings))
    assert sorted(seen) == sorted([*[PLAIN] * 3, f"{PLAIN}-token", "a new one"])
    assert "**********" in "".join(shown)
    for text in (*shown, *kept, caplog.text):
        assert PLAIN not in text
        assert "a new one" not in text


async def _everything_shown(house: House, http: httpx.AsyncClient) -> AsyncIterator[str]:
    """What a client sees of an execution from the storing of its flow to its end."""
    stored = await http.post("/api/v1/flows", json=FLOW)
    yield stored.text
    yield (await http.put("/api/v1/flows/V2secrets", json=stored.json()["flow"])).text
    assert (await house.service.flow(LOCAL, "V2secrets")).version == 1
    for given in ({"password": PLAIN}, [PLAIN]):
        body = {"json": {"flowId": "V2secrets", "inputs": {"given.token": given}}}
        refused = await http.post("/trpc/create", json=body)
        assert refused.status_code == 400
        yield refused.text
    body = {"json": {"flowId": "V2secrets", "inputs": {"given.token": PLAIN}}}
    created = await http.post("/trpc/create", json=body)
    execution_id = created.json()["result"]["data"]["json"]["executionId"]
    await house.service.start(LOCAL, execution_id)
    async for text in _read(house, http, execution_id):
        yield text
    changed = {"nodes": ["given"], "inputs": {"given.token": "a new one"}, "start": True}
    forked = await http.post(f"/api/v1/executions/{execution_id}/fork", json=changed)
    yield forked.text
    async for text in _read(house, http, forked.json()["executionId"]):
        yield text


async def _read(house: House, http: httpx.AsyncClient, execution_id: str) -> AsyncIterator[str]:
    for view in ("full", "compact"):
        async for batch in house.service.follow(LOCAL, execution_id, view=view):
            yield str([each.data for each in batch])
        path = f"/api/v1/executions/{execution_id}/events?view={view}&limit=500"
        page = await http.get(path)
        asked = json.dumps({"json": {"executionId": execution_id, "view": view}})
        path = "/trpc/subscribeToExecutionEvents"
        stream = await http.get(path, params={"input": asked})
        for text in (page.text, stream.text):
            assert "node:failed" in text
            assert "hkdfNonce" in text
            yield text
    yield (await http.get(f"/api/v1/executions/{execution_id}")).text
    for path in ("/api/v1/flows/V2secrets", "/api/v1/flows"):
        yield (await http.get(path)).text


def _everything_kept(settings: Settings | None) -> Iterator[str]:
    if settings is None:
        return
    if settings.database:
        yield from _tables(settings.database)
    else:
        files = [path for path in settings.data_dir.iterdir() if path.name != "secret.key"]
        assert any(path.name.endswith("-wal") for path in files)
        yield from (path.read_bytes().decode("latin-1") for path in files)


def _tables(url: str) -> Iterator[str]:
    query = (
        "SELECT schemaname, tablename FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    )
    with psycopg.connect(url) as connection:
        for name in connection.execute(query).fetchall():
            table = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(*name)))
            yield str(table.fetchall())


def _named(folder: Path, pattern: str) -> list[str]:
    return [path.name for path in folder.glob(pattern)]


async def test_the_key_of_an_embedded_database_lies_beside_it(data_dir: Path) -> None:
    settings = Settings(data_dir=data_dir)
    key = data_dir / "secret.key"
    async with opened(settings) as house:
        assert not key.exists()
        await house.service.store_flow(LOCAL, FLOW)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert _named(data_dir, "secret*") == ["secret.key"]
    async with opened(settings) as house:
        assert (await house.service.store_flow(LOCAL, FLOW)).version == 1


async def test_a_key_in_the_settings_goes_before_the_one_beside_the_database(
    data_dir: Path,
) -> None:
    async with opened(Settings(data_dir=data_dir)) as house:
        before = house.vault.seal(PLAIN, "ann")
    settings = Settings(data_dir=data_dir, secret_key=new_key())
    async with opened(settings) as house:
        assert house.vault.open(before, "ann") == PLAIN
        assert house.vault.seal(PLAIN, "ann") != before


async def test_a_postgresql_server_needs_a_key_once_there_is_a_secret(
    postgres_database: str,
) -> None:
    async with opened(Settings(database=postgres_database)) as house:
        plain = {"id": "V2plain", "nodes": {"a": {"type": "TextNode"}}}
        await house.service.store_flow(LOCAL, plain)
        with pytest.raises(SecretKeyMissing, match="CHAINGRAPH_SECRET_KEY"):
            await house.service.store_flow(LOCAL, FLOW)
        transport = httpx.ASGITransport(build_app(house.service))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            refused = await http.post("/api/v1/flows", json=FLOW)
    assert refused.status_code == 412
    assert PLAIN not in refused.text


async def test_a_key_that_is_none_is_told_before_anything_is_opened(data_dir: Path) -> None:
    with pytest.raises(BadInput, match="Secret key 1 is none"):
        async with open_house(Settings(data_dir=data_dir, secret_key="mine")):
            pass
    assert _named(data_dir, "*") == []


def test_settings_do_not_show_the_key() -> None:
    settings = read_settings({"CHAINGRAPH_SECRET_KEY": "a-key"})
    assert settings.secret_key == "a-key"
    assert "a-key" not in repr(settings)


async def test_a_program_may_give_a_secret_as_an_input() -> None:
    seen.clear()
    async with open_memory_house(catalog()) as house, house.working():
        flow = {"id": "V2given", "nodes": {"use": {"type": "UseToken", "inputs": {"token": "x"}}}}
        await house.service.store_flow(LOCAL, flow)
        given = {"use.token": Secret("of a program")}
        execution_id = await house.service.create(LOCAL, "V2given", inputs=given)
        await house.service.start(LOCAL, execution_id)
        async for _ in house.service.follow(LOCAL, execution_id):
            pass
    assert seen == ["of a program"]
