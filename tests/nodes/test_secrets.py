from __future__ import annotations

from typing import Any

import pytest

from chaingraph.engine.authoring import NodeError, Secret
from chaingraph.flow.ports import PortType
from chaingraph.flow.secrets import is_sensitive
from chaingraph.nodes import builtin_catalog
from chaingraph.nodes.waits import HumanInputNode
from tests.flow.kinds import obj, port
from tests.nodes.contexts import MemoryContext, run_body

NODE = builtin_catalog()["UnencryptedSecret"]


async def test_texts_become_a_secret() -> None:
    data = {"apiKey": "a", "secretKey": "b", "note": None}
    given = await run_body(NODE, {"secretType": "OkxDexApi", "unencryptedData": data})
    assert given == {"secret": Secret({"apiKey": "a", "secretKey": "b"})}


def test_its_data_is_sealed_as_a_whole() -> None:
    assert is_sensitive(NODE.ports["unencryptedData"])
    assert NODE.ports["secret"].type is PortType.SECRET


@pytest.mark.parametrize("data", [None, {}, {"value": ""}, {"value": 5}])
async def test_without_a_text_there_is_no_secret(data: Any) -> None:
    with pytest.raises(NodeError, match="has no text"):
        await run_body(NODE, {"unencryptedData": data})


def test_a_form_asks_for_no_secrets() -> None:
    form = port("form", "object", **obj(password={"type": "secret"}))
    ask = HumanInputNode.node_type.waits  # type: ignore[attr-defined]
    values: dict[str, Any] = {"title": "t", "form": {}, "assignees": [], "expiresMs": None}
    with pytest.raises(NodeError, match="no secrets"):
        ask(values, MemoryContext(ports={"form": form}))
