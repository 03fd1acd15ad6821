"""Every operation keeps what the OpenAPI document says, whatever is sent to it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from chaingraph.api.app import build_app
from chaingraph.modes import open_memory_house
from tests.api.rest.calls import SUM, WAITING, openapi_document

STREAMS = "followTree"


@contextmanager
def serving() -> Iterator[str]:
    """A server in a thread of its own, with an executor in memory; yields its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    servers: list[uvicorn.Server] = []

    async def serve() -> None:
        async with open_memory_house() as house, house.working():
            app = build_app(house.service)
            config = uvicorn.Config(app, log_level="critical", lifespan="off", ws="none")
            servers.append(uvicorn.Server(config))
            await servers[0].serve(sockets=[listener])

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/api/v1"
    finally:
        servers[0].should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving() as found:
        yield found


@pytest.fixture(scope="module")
def known(address: str) -> dict[str, list[str]]:
    """The ids of what is there, by the first part of the path."""
    with httpx.Client(base_url=address) as client:
        ids = []
        for flow in (SUM, WAITING):
            client.post("/flows", json=flow).raise_for_status()
            made = client.post("/executions", json={"flowId": flow["id"], "start": True})
            ids.append(made.json()["executionId"])
    return {"flows": ["sum"], "executions": ids}


schema = schemathesis.openapi.from_dict(openapi_document())


# The server draws random numbers of its own: it is a thread of this process.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module")
@schema.parametrize()
@settings(
    max_examples=12,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_an_operation_keeps_its_contract(
    case: schemathesis.Case[Any], address: str, known: dict[str, list[str]]
) -> None:
    _aim(case, known)
    # Whether nodes, breakpoints and states fit together no schema can say: that is a 400 too.
    case.call_and_validate(base_url=address, excluded_checks=[positive_data_acceptance], timeout=10)


def _aim(case: schemathesis.Case[Any], known: dict[str, list[str]]) -> None:
    """Half of the ids become those of something that is there."""
    ids = known.get(case.operation.path.split("/")[1], [])
    drawn = sum(map(ord, str(case.path_parameters.get("id", ""))))
    if ids and drawn % 2 and case.operation.definition.raw["operationId"] != STREAMS:
        case.path_parameters["id"] = ids[drawn // 2 % len(ids)]
