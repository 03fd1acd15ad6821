"""The declared outputs of the procedures are what they really answer."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from chaingraph.api.dialects import PLAIN
from chaingraph.api.procedures import router
from chaingraph.api.schema.procedures import OUTPUTS
from chaingraph.client import AsyncClient
from chaingraph.execution.principals import LOCAL
from chaingraph.modes import House

READING = ("getExecutionDetails", "getExecutionsTree", "getRootExecutions")
STEERING = ("start", "pause", "setBreakpoints", "step", "resume", "sendSignal", "fork", "stop")
MORE: dict[str, dict[str, Any]] = {
    "setBreakpoints": {"breakpoints": []},
    "sendSignal": {"name": "approval"},
    "getRootExecutions": {"flowId": "asking"},
}


class Server:
    """Calls procedures as whoever owns the executions, and checks what they answer."""

    def __init__(self, house: House) -> None:
        self._procedures = router(house.service, PLAIN)
        self.called: set[str] = set()

    async def call(self, name: str, /, **given: Any) -> Any:
        self.called.add(name)
        answer = await self._procedures[name].call(LOCAL, lambda: given)
        declared = TypeAdapter(OUTPUTS[name])
        read = declared.validate_python(answer, strict=True)
        assert declared.dump_python(read, by_alias=True) == answer, name
        return answer


@pytest.fixture
def server(house: House) -> Server:
    return Server(house)


async def test_outputs_are_as_they_are_declared(server: Server, client: AsyncClient) -> None:
    execution_id = (await server.call("create", flowId="asking"))["executionId"]
    failed = (await client.run("broken")).execution_id
    share = await server.call("shareExecution", executionId=execution_id)
    await server.call("getShares", executionId=execution_id)
    await server.call("unshareExecution", executionId=execution_id, shareId=share["id"])
    for name in (*READING, *STEERING):
        await server.call(name, executionId=execution_id, **MORE.get(name, {}))
    await server.call("retry", executionId=failed)
    assert server.called == OUTPUTS.keys()
