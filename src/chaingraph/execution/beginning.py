"""How executions begin: their event 0, and what makes two calls the same."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import quote

from chaingraph.engine.events import EventType
from chaingraph.execution.principals import Principal
from chaingraph.execution.records import Entry, ExecutionRow
from chaingraph.superjson import dumps


def created(
    execution_id: str,
    flow_id: str,
    owner_id: str,
    at: int,
    *,
    parent: ExecutionRow | None = None,
    **more: Any,
) -> Entry:
    """EXECUTION_CREATED, of a root or of a child of `parent`."""
    data = {
        "executionId": execution_id,
        "flowId": flow_id,
        "ownerId": owner_id,
        "rootExecutionId": execution_id if parent is None else parent.root_execution_id,
        "parentExecutionId": None if parent is None else parent.id,
        "executionDepth": 0 if parent is None else parent.execution_depth + 1,
        **more,
    }
    return Entry(0, EventType.EXECUTION_CREATED.value, at, dumps(data))


def own_key(principal: Principal, key: str | None) -> str | None:
    """The key among those of all callers: one caller's never meets another's."""
    return f"{quote(principal.user_id, safe='')}:{key}" if key else None


def input_hash(asked: object) -> str:
    """The same for the same input: what an idempotency key is held against."""
    text = json.dumps(asked, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
