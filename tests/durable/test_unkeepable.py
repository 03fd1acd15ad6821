"""What a database cannot keep: the caller is told so, and not that the database is away."""

from __future__ import annotations

import json
import random
from contextlib import nullcontext
from functools import lru_cache

import pytest

from chaingraph.engine.graph import Graph, compile_flow
from chaingraph.errors import BadInput
from chaingraph.execution.bell import LocalBell
from chaingraph.execution.known_types import KnownTypes, MemoryTypeRegistry
from chaingraph.execution.principals import LOCAL, Principal
from chaingraph.execution.service import Service
from chaingraph.flow.build import FlowBuilder
from chaingraph.flow.codec import read_flow
from chaingraph.flow.model import Flow
from chaingraph.nodes import builtin_catalog
from tests.conformance.backends import Backend

CATALOG = builtin_catalog()
#: Half a character: a lone surrogate.
HALF = "\ud800"
#: No index of PostgreSQL takes a key of which so much is left when it is packed.
LONG = random.Random(1).randbytes(20_000).hex()


@lru_cache
def compiled(snapshot: str, text: bytes) -> Graph:
    return compile_flow(read_flow(json.loads(text)), CATALOG)


@pytest.fixture
def service(sql_only: Backend) -> Service:
    return Service(
        sql_only.journal,
        sql_only.flows,
        LocalBell(),
        KnownTypes(CATALOG, MemoryTypeRegistry()),
        sql_only.tokens,
        graph_of=compiled,
        launch=lambda segment: None,
        errand=lambda: None,
        clock=sql_only.clock,
        max_value_bytes=1 << 20,
    )


def flow(flow_id: str = "flow") -> Flow:
    return FlowBuilder("test", CATALOG, id=flow_id).build()


async def test_half_a_character_is_in_no_id_that_is_looked_for(service: Service) -> None:
    for call in (service.details, service.stop, service.flow, service.start):
        with pytest.raises(BadInput, match="cannot keep"):
            await call(LOCAL, f"EX{HALF}")


async def test_half_a_character_is_not_kept(service: Service) -> None:
    await service.import_flow(LOCAL, flow())
    execution_id = await service.create(LOCAL, "flow")
    with pytest.raises(BadInput, match="cannot keep"):
        await service.create(LOCAL, "flow", idempotency_key=HALF)
    with pytest.raises(BadInput, match="cannot keep"):
        await service.stop(LOCAL, execution_id, command_id=HALF)
    with pytest.raises(BadInput, match="cannot keep"):
        await service.stop(Principal(HALF, "admin"), execution_id)
    with pytest.raises(BadInput, match="cannot keep"):
        await service.import_flow(LOCAL, flow(HALF))
    await service.start(LOCAL, execution_id)


async def test_a_key_that_no_index_takes_is_the_callers_mistake(
    sql_only: Backend, service: Service
) -> None:
    assert sql_only.database is not None
    takes_all = sql_only.database.is_sqlite
    await service.import_flow(LOCAL, flow())
    with nullcontext() if takes_all else pytest.raises(BadInput, match="cannot keep"):
        await service.create(LOCAL, "flow", idempotency_key=LONG)
    await service.create(LOCAL, "flow", idempotency_key="short")
